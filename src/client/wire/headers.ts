import type { Transport } from '@connectrpc/connect';
import { ArtifactaError } from '../errors.ts';

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
 * @throws ArtifactaError INVALID_ARGUMENT for what no header can hold, without saying what it is.
 * @internal
 */
export function withCredentials(transport: Transport, credentials: Credentials): Transport {
  const { token, namespace } = credentials;
  if (token === undefined && namespace === undefined) return transport;
  requireHeaderText('token', token);
  requireHeaderText('namespace', namespace);
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

/** The platform's own refusal has the value in it, which of a token nobody should read. */
function requireHeaderText(field: string, value: string | undefined): void {
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return;
  throw new ArtifactaError(`${field}: must be one word, in letters, digits and signs of ASCII`, {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
  });
}
