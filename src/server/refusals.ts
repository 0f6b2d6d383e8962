/** Errors that the listeners themselves answer with, before a handler runs or in its place. */
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { codeOf, errorDomain, toConnectError } from '../api/errors.ts';
import { overloaded } from '../api/sending/unsent-answer.ts';

/** One of the reasons that errors carry. */
export type Reason = Parameters<typeof codeOf>[0];

/** Returns an error with ErrorInfo. @param code that of its reason, unless a protocol wants another one. */
export function refusal(reason: Reason, message: string, code: Code = codeOf(reason)): ConnectError {
  const error = new ConnectError(message, code);
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: errorDomain, metadata: {} } });
  return error;
}

/** Returns the error for the bytes of a request that are not messages in the framing of its protocol. */
export function malformedMessages(description: string): ConnectError {
  return badHeader('request', description);
}

/** Returns the error for a body that ends within a message. */
export function cutMessage(): ConnectError {
  return malformedMessages('must end with a whole message; the last one is cut off');
}

/**
 * Returns the error for no message, or several, to a method that takes one. The protocols want UNIMPLEMENTED for it.
 */
export function notOneMessage(): ConnectError {
  return malformedMessages('must be exactly one message; send one, empty if it has no fields');
}

/**
 * Returns the error for a message that is marked as compressed in a request without an encoding. The protocols want
 * INTERNAL for it; the fault is the caller's.
 */
export function flaggedWithoutEncoding(): ConnectError {
  const description = 'must name the encoding in a header if a message is marked as compressed';
  return badHeader('request', description, Code.Internal);
}

/** Returns the error for a header, or another part of a request, with which no call can be made. */
export function badHeader(name: string, description: string, code?: Code): ConnectError {
  const error = refusal('INVALID_ARGUMENT', `${name}: ${description}`, code);
  error.details.push({
    desc: BadRequestSchema,
    value: { fieldViolations: [{ field: name, description }] },
  });
  return error;
}

/** Returns the error for a caller that seems to have gone. No client will read it. */
export function cancelled(): ConnectError {
  return refusal('CANCELLED', 'the call was cancelled');
}

/** Returns the error for a call that does not fit since too many are open. */
export function tooManyOpenCalls(): ConnectError {
  return toConnectError(overloaded('too many calls are open; try again in a moment'));
}

/** Returns the error for a call whose deadline, set by the caller, has passed. */
export function deadlineExceeded(): ConnectError {
  return refusal('DEADLINE_EXCEEDED', 'the deadline of the call has passed');
}

/** Returns the reason with which the signals of calls are aborted when the service is forced to stop. */
export function shuttingDown(): ConnectError {
  return refusal('SHUTTING_DOWN', 'the service is stopping');
}

/** Returns the error for an unforeseen error. The caller gets no other information. */
export function unexpected(): ConnectError {
  return refusal('INTERNAL', 'internal error; see the log of the service');
}

/** Returns true if the error may be sent as it is. Other errors could carry text that is not for callers. */
export function isSendable(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.code in Code;
}
