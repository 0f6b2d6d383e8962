/** Errors that the doors themselves answer with, before or instead of a handler. */
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { codeOf, errorDomain, toConnectError } from '../api/errors.ts';
import { overloaded } from '../api/sending/unsent-answer.ts';

/** One of the reasons that errors carry. */
export type Reason = Parameters<typeof codeOf>[0];

/** An error with the status code of its reason, and ErrorInfo. */
export function refusal(reason: Reason, message: string): ConnectError {
  const error = new ConnectError(message, codeOf(reason));
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: errorDomain, metadata: {} } });
  return error;
}

/** The bytes of a request are not a message of its type. */
export function malformed(typeName: string, cause: unknown): ConnectError {
  const description = `not a valid ${typeName}: ${cause instanceof Error ? cause.message : 'undecodable'}`;
  const error = refusal('INVALID_ARGUMENT', `request: ${description}`);
  error.details.push({
    desc: BadRequestSchema,
    value: { fieldViolations: [{ field: 'request', description }] },
  });
  return error;
}

/** A header that no call can be made with. */
export function badHeader(name: string, description: string): ConnectError {
  const error = refusal('INVALID_ARGUMENT', `${name}: ${description}`);
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
