import type { Transport } from '@connectrpc/connect';

/** On whose behalf calls are made. */
export interface Credentials {
  /** Sent as a bearer token. Default: none. */
  readonly token?: string | undefined;
  /** The namespace to act in; only operators may name one. Default: that of the credentials. */
  readonly namespace?: string | undefined;
}

/**
 * The transport, with the credentials on every call. Any transport can be wrapped, also one that was injected.
 *
 * @internal
 */
export function withCredentials(transport: Transport, credentials: Credentials): Transport {
  const { token, namespace } = credentials;
  if (token === undefined && namespace === undefined) return transport;
  const add = (given: ConstructorParameters<typeof Headers>[0]) => {
    const headers = new Headers(given);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    if (namespace !== undefined) headers.set('artifacta-namespace', namespace);
    return headers;
  };
  return {
    unary: (method, signal, timeoutMs, header, input, context) =>
      transport.unary(method, signal, timeoutMs, add(header), input, context),
    stream: (method, signal, timeoutMs, header, input, context) =>
      transport.stream(method, signal, timeoutMs, add(header), input, context),
  };
}
