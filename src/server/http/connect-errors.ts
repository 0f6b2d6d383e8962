/**
 * Gives the errors that connect-node makes up by itself (a message that is too large or cannot be decoded, a bad
 * deadline) the reason that every error of this service carries. Those of handlers pass unchanged. Only answers in one
 * piece are looked into: in streams these errors reach the guard, which explains them.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { errorDomain } from '../../api/errors.ts';
import type { Reason } from '../refusals.ts';

const reasons: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.ResourceExhausted]: 'MESSAGE_TOO_LARGE',
  [Code.Unimplemented]: 'NOT_IMPLEMENTED',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.Canceled]: 'CANCELLED',
};

/** The response, with a reason if it is an error that has none. */
export async function explained(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { status, header, body } = response;
  if (status < 400 || body === undefined || header?.get('content-type') !== 'application/json')
    return response;
  const error = errorFromJsonBytes(await all(body), undefined, new ConnectError('', Code.Unknown));
  if (error.findDetails(ErrorInfoSchema).length === 0)
    error.details.unshift({
      desc: ErrorInfoSchema,
      value: { reason: reasons[error.code] ?? 'INTERNAL', domain: errorDomain, metadata: {} },
    });
  const bytes = errorToJsonBytes(error, undefined);
  header.set('content-length', String(bytes.length));
  return { ...response, body: one(bytes) };
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(body));
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
