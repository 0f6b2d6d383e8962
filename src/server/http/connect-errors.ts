/**
 * Rewrites the errors that connect-node makes itself (a message that is too large or cannot be decoded, a bad
 * deadline). They get the words of this service, and the reason that each of its errors carries. Errors of handlers
 * pass unchanged.
 */
import { Buffer } from 'node:buffer';
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
import { messageTooLarge, toConnectError } from '../../api/errors.ts';
import { markReceived } from '../../domain/blocks.ts';
import { headBytes } from '../messages/envelopes.ts';
import type { LatestMessage } from '../messages/latest-message.ts';
import { cancelled, deadlineExceeded, malformedMessages, notOneMessage, unexpected } from '../refusals.ts';

/** The questions about a call that explain an error of it. */
interface Explaining {
  readonly latest: LatestMessage;
  /** Whether the error, once it exists, is a handler's. */
  readonly isTold: () => boolean;
}

/**
 * Returns the response. If it is an error without a reason, or ends with one, the error is in words of this service.
 */
export async function explained(
  response: UniversalServerResponse,
  call: Explaining,
): Promise<UniversalServerResponse> {
  const { status, header, body } = response;
  const type = header?.get('content-type') ?? '';
  if (body === undefined || header === undefined) return response;
  if (status < 400) return { ...response, body: explainedEnds(body, endOf(type), call) };
  if (call.isTold() || type !== 'application/json') return response;
  const told = errorFromJsonBytes(await all(body), undefined, new ConnectError('', Code.Unknown));
  const error = await explain(told, call.latest);
  const bytes = errorToJsonBytes(error, undefined);
  header.set('content-length', String(bytes.length));
  return { ...response, status: error === told ? status : codeToHttpStatus(error.code), body: one(bytes) };
}

/** The way in which a protocol ends a stream of answers. */
interface End {
  readonly flag: number;
  /** Returns the bytes that say how it ended, with a reason if they are an error without one. */
  readonly explained: (bytes: Uint8Array, latest: LatestMessage) => Promise<Uint8Array>;
}

const connectEnd: End = {
  flag: endStreamFlag,
  explained: async (bytes, latest) => {
    const { metadata, error } = endStreamFromJson(bytes);
    if (error === undefined || hasReason(error)) return bytes;
    const end = endStreamToJson(metadata, await explain(error, latest), undefined);
    return Buffer.from(JSON.stringify(end));
  },
};

const grpcWebEnd: End = {
  flag: trailerFlag,
  explained: async (bytes, latest) => {
    const trailers = trailerParse(bytes);
    const error = findTrailerError(trailers);
    if (error === undefined || hasReason(error)) return bytes;
    setTrailerStatus(trailers, await explain(error, latest));
    return trailerSerialize(trailers);
  },
};

function endOf(type: string): End | undefined {
  if (type.startsWith('application/connect+')) return connectEnd;
  return type.startsWith('application/grpc-web') ? grpcWebEnd : undefined;
}

/** Yields the parts of a stream. Each part is one wrapped message. */
async function* explainedEnds(
  body: AsyncIterable<Uint8Array>,
  end: End | undefined,
  { latest, isTold }: Explaining,
): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    const flags = part[0] ?? 0;
    if (end === undefined || (flags & end.flag) === 0 || isTold()) yield part;
    else yield encodeEnvelope(flags, await end.explained(part.subarray(headBytes), latest));
  }
}

function hasReason(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).length > 0;
}

/**
 * Yields the messages of a client stream. For bytes that are not a message, it throws an error that the handler
 * understands. The library makes each message in memory of its own.
 */
export async function* explainedRequests<T extends object>(
  requests: AsyncIterable<T>,
  latest: LatestMessage,
): AsyncGenerator<T> {
  try {
    for await (const request of requests) {
      markBytesOf(request);
      yield request;
    }
  } catch (error) {
    throw error instanceof ConnectError ? await explain(error, latest) : error;
  }
}

/** Marks the bytes that a message contains, in a field or in an alternative. */
function markBytesOf(message: object): void {
  for (const field of Object.values(message)) {
    const value: unknown = field instanceof Uint8Array ? field : (field as { value?: unknown } | null)?.value;
    if (value instanceof Uint8Array) markReceived(value);
  }
}

/**
 * Returns the error in words of this service. The library words its errors for the programmer of a service, so none of
 * its text is passed on.
 */
async function explain(error: ConnectError, latest: LatestMessage): Promise<ConnectError> {
  if (hasReason(error)) return error;
  switch (error.code) {
    case Code.ResourceExhausted:
      return toConnectError(messageTooLarge());
    case Code.DeadlineExceeded:
      return deadlineExceeded();
    case Code.Canceled:
    case Code.Aborted:
      return cancelled();
    // A method that takes one message got none, or several; everything else that may be unknown is refused before.
    case Code.Unimplemented:
      return notOneMessage();
    case Code.InvalidArgument:
      return (await latest.fault()) ?? malformedMessages('must be messages in the envelopes of the protocol');
    // The library regards binary messages that cannot be decoded as a fault of the service.
    case Code.Internal:
      return (error.rawMessage.startsWith('parse binary: ') && (await latest.fault())) || unexpected();
    default:
      return unexpected();
  }
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(body));
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
