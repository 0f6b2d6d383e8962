/**
 * Gives the errors that connect-node makes up by itself (a message that is too large or cannot be decoded, a bad
 * deadline) the reason that every error of this service carries. Those of handlers pass unchanged.
 */
import { Buffer } from 'node:buffer';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import {
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from '@connectrpc/connect/protocol-connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { errorDomain, messageTooLarge, toConnectError } from '../../api/errors.ts';
import { headBytes } from '../messages/envelopes.ts';
import type { Reason } from '../refusals.ts';

const reasons: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.ResourceExhausted]: 'MESSAGE_TOO_LARGE',
  [Code.Unimplemented]: 'NOT_IMPLEMENTED',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.Canceled]: 'CANCELLED',
};

/** The response, with a reason if it is an error that has none, or ends with one. */
export async function explained(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { status, header, body } = response;
  const type = header?.get('content-type') ?? '';
  if (body === undefined || header === undefined) return response;
  if (status < 400) return { ...response, body: explainedEnds(body, endOf(type)) };
  if (type !== 'application/json') return response;
  const bytes = errorToJsonBytes(
    explain(errorFromJsonBytes(await all(body), undefined, unknown())),
    undefined,
  );
  header.set('content-length', String(bytes.length));
  return { ...response, body: one(bytes) };
}

/** How a protocol ends a stream of answers. */
interface End {
  readonly flag: number;
  /** What says how it ended, with a reason if it is an error that has none. */
  readonly explained: (bytes: Uint8Array) => Uint8Array;
}

const connectEnd: End = {
  flag: endStreamFlag,
  explained: (bytes) => {
    const { metadata, error } = endStreamFromJson(bytes);
    if (error === undefined || hasReason(error)) return bytes;
    return Buffer.from(JSON.stringify(endStreamToJson(metadata, explain(error), undefined)));
  },
};

const grpcWebEnd: End = {
  flag: trailerFlag,
  explained: (bytes) => {
    const trailers = trailerParse(bytes);
    const error = findTrailerError(trailers);
    if (error === undefined || hasReason(error)) return bytes;
    setTrailerStatus(trailers, explain(error));
    return trailerSerialize(trailers);
  },
};

function endOf(type: string): End | undefined {
  if (type.startsWith('application/connect+')) return connectEnd;
  return type.startsWith('application/grpc-web') ? grpcWebEnd : undefined;
}

/** Each part is one wrapped message. */
async function* explainedEnds(
  body: AsyncIterable<Uint8Array>,
  end: End | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    const flags = part[0] ?? 0;
    if (end === undefined || (flags & end.flag) === 0) yield part;
    else yield encodeEnvelope(flags, end.explained(part.subarray(headBytes)));
  }
}

function hasReason(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).length > 0;
}

function explain(error: ConnectError): ConnectError {
  if (hasReason(error)) return error;
  const reason = reasons[error.code] ?? 'INTERNAL';
  // What the library says of it is about its options.
  const told = reason === 'MESSAGE_TOO_LARGE' ? toConnectError(messageTooLarge()) : error;
  if (told === error)
    error.details.unshift({
      desc: ErrorInfoSchema,
      value: { reason, domain: errorDomain, metadata: {} },
    });
  return told;
}

function unknown(): ConnectError {
  return new ConnectError('', Code.Unknown);
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(body));
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
