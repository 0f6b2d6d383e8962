/** Errors that the doors themselves answer with, before or instead of a handler. */
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { codeOf, errorDomain, toConnectError } from '../api/errors.ts';
import { overloaded } from '../api/sending/unsent-answer.ts';

/** One of the reasons that errors carry. */
export type Reason = Parameters<typeof codeOf>[0];

/** An error with ErrorInfo. @param code that of its reason, unless a protocol wants another one. */
export function refusal(reason: Reason, message: string, code: Code = codeOf(reason)): ConnectError {
  const error = new ConnectError(message, code);
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: errorDomain, metadata: {} } });
  return error;
}

/** The bytes of a request are not messages as its protocol wraps them. */
export function malformedMessages(description: string): ConnectError {
  return badHeader('request', description);
}

/** A body ends within a message. */
export function cutMessage(): ConnectError {
  return malformedMessages('must end with a whole message; the last one is cut');
}

/** Of a method that takes one message, none has come, or several. The protocols want UNIMPLEMENTED for it. */
export function notOneMessage(): ConnectError {
  return malformedMessages('must be exactly one message; send one, empty if it has no fields');
}

/** A message is marked as compressed, and nothing says how. The protocols want INTERNAL for it; the fault is the caller's. */
export function flaggedWithoutEncoding(): ConnectError {
  const description = 'must name the encoding in a header where a message is marked as compressed';
  return badHeader('request', description, Code.Internal);
}

/** A header that no call can be made with, or another part of a request. */
export function badHeader(name: string, description: string, code?: Code): ConnectError {
  const error = refusal('INVALID_ARGUMENT', `${name}: ${description}`, code);
  error.details.push({
    desc: BadRequestSchema,
    value: { fieldViolations: [{ field: name, description }] },
  });
  return error;
}

/** The caller has gone, as far as can be told. Nobody will read this. */
export function cancelled(): ConnectError {
  return refusal('CANCELLED', 'the call was cancelled');
}

/** So many calls are open that another would not fit. */
export function tooManyOpenCalls(): ConnectError {
  return toConnectError(overloaded('too many calls are open'));
}

/** The deadline that the caller set. */
export function deadlineExceeded(): ConnectError {
  return refusal('DEADLINE_EXCEEDED', 'the deadline of the call has passed');
}

/** What the signals of calls are aborted with when the service is forced to stop. */
export function shuttingDown(): ConnectError {
  return refusal('SHUTTING_DOWN', 'the service is stopping');
}

/** All that a caller is told of an error that nobody foresaw. */
export function unexpected(): ConnectError {
  return refusal('INTERNAL', 'internal error');
}

/** True for what may be sent as it is; anything else could carry text that is not for callers. */
export function isSendable(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.code in Code;
}
