/**
 * Gives the errors that connect-node makes up by itself (a message that is too large or cannot be decoded, a bad
 * deadline) the reason that every error of this service carries. Those of handlers pass unchanged.
 */
import { Buffer } from 'node:buffer';
import type { DescMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import {
  codeToHttpStatus,
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
import { malformed, type Reason } from '../refusals.ts';

const reasons: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.ResourceExhausted]: 'MESSAGE_TOO_LARGE',
  [Code.Unimplemented]: 'NOT_IMPLEMENTED',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.Canceled]: 'CANCELLED',
};

/**
 * The response, with a reason if it is an error that has none, or ends with one.
 *
 * @param input what the method takes.
 * @param isTold whether the error, once it is there, is a handler's
 */
export async function explained(
  response: UniversalServerResponse,
  input: DescMessage,
  isTold: () => boolean,
): Promise<UniversalServerResponse> {
  const { status, header, body } = response;
  const type = header?.get('content-type') ?? '';
  if (body === undefined || header === undefined) return response;
  if (status < 400) return { ...response, body: explainedEnds(body, endOf(type), input, isTold) };
  if (isTold() || type !== 'application/json') return response;
  const told = errorFromJsonBytes(await all(body), undefined, new ConnectError('', Code.Unknown));
  const error = explain(told, input);
  const bytes = errorToJsonBytes(error, undefined);
  header.set('content-length', String(bytes.length));
  return { ...response, status: error === told ? status : codeToHttpStatus(error.code), body: one(bytes) };
}

/** How a protocol ends a stream of answers. */
interface End {
  readonly flag: number;
  /** What says how it ended, with a reason if it is an error that has none. */
  readonly explained: (bytes: Uint8Array, input: DescMessage) => Uint8Array;
}

const connectEnd: End = {
  flag: endStreamFlag,
  explained: (bytes, input) => {
    const { metadata, error } = endStreamFromJson(bytes);
    if (error === undefined || hasReason(error)) return bytes;
    return Buffer.from(JSON.stringify(endStreamToJson(metadata, explain(error, input), undefined)));
  },
};

const grpcWebEnd: End = {
  flag: trailerFlag,
  explained: (bytes, input) => {
    const trailers = trailerParse(bytes);
    const error = findTrailerError(trailers);
    if (error === undefined || hasReason(error)) return bytes;
    setTrailerStatus(trailers, explain(error, input));
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
  input: DescMessage,
  isTold: () => boolean,
): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    const flags = part[0] ?? 0;
    if (end === undefined || (flags & end.flag) === 0 || isTold()) yield part;
    else yield encodeEnvelope(flags, end.explained(part.subarray(headBytes), input));
  }
}

function hasReason(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).length > 0;
}

/** The messages of a client stream; what is thrown for one that is none says so to the handler. */
export async function* explainedRequests<T>(
  requests: AsyncIterable<T>,
  input: DescMessage,
): AsyncGenerator<T> {
  try {
    yield* requests;
  } catch (error) {
    throw error instanceof ConnectError && isUndecodable(error) ? explain(error, input) : error;
  }
}

function explain(error: ConnectError, input: DescMessage): ConnectError {
  if (hasReason(error)) return error;
  if (isUndecodable(error))
    return malformed(input.typeName, new Error(error.rawMessage.slice(parsing.length)));
  const reason = reasons[error.code] ?? 'INTERNAL';
  // What the library says of it is about its options.
  if (reason === 'MESSAGE_TOO_LARGE') return toConnectError(messageTooLarge());
  error.details.unshift({
    desc: ErrorInfoSchema,
    value: { reason, domain: errorDomain, metadata: {} },
  });
  return error;
}

const parsing = 'parse binary: ';

/** The library takes what the caller sent for a fault of the service. */
function isUndecodable(error: ConnectError): boolean {
  return error.code === Code.Internal && error.rawMessage.startsWith(parsing) && !hasReason(error);
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(body));
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
