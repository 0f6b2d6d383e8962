/** Errors as gRPC statuses. */
import { Buffer } from 'node:buffer';
import { ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import {
  type Metadata,
  type ServerInterceptingCall,
  type ServerInterceptor,
  type StatusObject,
  status as statusCodes,
} from '@grpc/grpc-js';
import { messageTooLarge, toConnectError } from '../../api/errors.ts';
import { acceptedEncodings, grpcEncoding } from '../messages/encodings.ts';
import { cancelled, deadlineExceeded, notOneMessage, refusal, unexpected } from '../refusals.ts';
import { metadataOf } from './metadata.ts';

const detailsKey = 'grpc-status-details-bin';

/**
 * The limit for the text of a message. Clients bound the header block that they accept, the strictest to 8 KiB; a
 * status beyond that reaches them as a transport error. The message is sent twice, once percent-encoded.
 */
const messageCharactersMax = 1_000;
const detailsBytesMax = 4_096;

/** The status that grpc-js sends: `details` is the message, `metadata` the trailers. */
export type GrpcStatus = Pick<StatusObject, 'code' | 'details' | 'metadata'>;

/** The trailers of statuses that came from handlers. */
const handlers = new WeakSet<Metadata>();

/** Returns the status for an error, with `trailers` added to the error's own metadata. */
export function statusOf(error: ConnectError, trailers?: Headers): GrpcStatus {
  const metadata = metadataOf(error.metadata, ...(trailers === undefined ? [] : [trailers]));
  const details = encodedDetails(error);
  if (details !== undefined) metadata.set(detailsKey, details);
  handlers.add(metadata);
  return { code: error.code as number, details: bounded(error.rawMessage), metadata };
}

/** Returns the google.rpc.Status. Details that do not fit are left out, the last ones first: ErrorInfo is the first. */
function encodedDetails(error: ConnectError): Buffer | undefined {
  const kept = new ConnectError(bounded(error.rawMessage), error.code);
  kept.details = [...error.details];
  while (kept.details.length > 0) {
    const encoded = setTrailerStatus(new Headers(), kept).get(detailsKey);
    const bytes = Buffer.from(encoded ?? '', 'base64');
    if (bytes.length <= detailsBytesMax) return bytes;
    kept.details.pop();
  }
  return undefined;
}

/** Returns the message within the limit and well-formed, since grpc-js percent-encodes it and would throw otherwise. */
function bounded(message: string): string {
  const text = message.toWellFormed();
  const encodedSize = encodeURI(text).length;
  if (encodedSize <= messageCharactersMax) return text;
  const keep = Math.floor((text.length * messageCharactersMax) / encodedSize);
  return `${text.slice(0, keep).toWellFormed()}...`;
}

/**
 * Adds the reason that every error of this service carries to the statuses that grpc-js makes itself (no message,
 * deadline passed). Adds the encodings that requests may have to its answers. The statuses of handlers pass unchanged.
 */
export const explainOwnStatuses: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (status) => {
    const { code, metadata } = status;
    // grpc-js would send "OK" as the message of a call that ended well, but a message belongs to an error.
    if (code === statusCodes.OK) send({ ...status, details: '' });
    else if (metadata != null && handlers.has(metadata)) send(status);
    else send(statusOf(explained(Number(code), String(status.details))));
  };
  const sendMetadata = call.sendMetadata.bind(call);
  call.sendMetadata = (metadata) => {
    metadata.set(grpcEncoding.accepted, acceptedEncodings);
    sendMetadata(metadata);
  };
  // The class adds nothing that the server uses to the interface that the base call implements.
  return call as unknown as ServerInterceptingCall;
};

/**
 * Returns the status for a path that is not the path of a method. It repeats nothing of the path, which may be any
 * text.
 */
export function noSuchMethod(): GrpcStatus {
  return statusOf(noMethod());
}

function noMethod(): ConnectError {
  return refusal('NOT_IMPLEMENTED', 'this method does not exist');
}

function explained(code: number, text: string): ConnectError {
  switch (code) {
    case statusCodes.RESOURCE_EXHAUSTED:
      return toConnectError(messageTooLarge());
    case statusCodes.DEADLINE_EXCEEDED:
      return deadlineExceeded();
    case statusCodes.CANCELLED:
      return cancelled();
    case statusCodes.UNIMPLEMENTED:
      return /^Received (no|a second) request message/.test(text) ? notOneMessage() : noMethod();
    default:
      return unexpected();
  }
}
