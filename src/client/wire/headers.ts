import type { Transport } from '@connectrpc/connect';
import { ArtifactaError } from '../errors.ts';

/** The identity for which calls are made. */
export interface Credentials {
  /** The bearer token to send. Default: none. */
  readonly token?: string | undefined;
  /**
   * The namespace to act in; with credentials, only operators may name one other than their own. Default: the
   * namespace of the credentials, else `default`.
   */
  readonly namespace?: string | undefined;
}

/**
 * Returns the transport with the credentials on every call. Any transport can be wrapped, also one that was injected.
 *
 * @throws ArtifactaError INVALID_ARGUMENT for a value that no header can carry. The error does not show the value.
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

/**
 * Refuses a value that no header can carry. The platform's own refusal contains the value, and no user should see that
 * of a token.
 */
function requireHeaderText(field: string, value: string | undefined): void {
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return;
  throw new ArtifactaError(`${field}: must be one word of printable ASCII characters`, {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
  });
}
