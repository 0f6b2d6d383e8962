/** The one place where reasons become status codes, and failures become errors on the wire (AIP-193). */
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { Failure, type Reason, reasons, type Violation } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';

/** The name in ErrorInfo for the origin of the reasons. */
export const errorDomain = 'artifacta';

const codes: Readonly<Record<Reason, Code>> = {
  INVALID_ARGUMENT: Code.InvalidArgument,
  UPLOAD_INCOMPLETE: Code.InvalidArgument,
  SIZE_MISMATCH: Code.InvalidArgument,
  DIGEST_MISMATCH: Code.InvalidArgument,
  ARTIFACT_TOO_LARGE: Code.InvalidArgument,
  MESSAGE_TOO_LARGE: Code.ResourceExhausted,
  PAGE_TOKEN_INVALID: Code.InvalidArgument,
  NAMESPACE_NOT_FOUND: Code.NotFound,
  SESSION_NOT_FOUND: Code.NotFound,
  ARTIFACT_NOT_FOUND: Code.NotFound,
  ARTIFACT_EXPIRED: Code.NotFound,
  ARTIFACT_DELETED: Code.NotFound,
  CONTENT_NOT_FOUND: Code.NotFound,
  INPUT_NOT_FOUND: Code.NotFound,
  MANIFEST_NOT_FOUND: Code.NotFound,
  SESSION_SEALED: Code.FailedPrecondition,
  SESSION_GONE: Code.FailedPrecondition,
  SESSION_CONFLICT: Code.AlreadyExists,
  OUTCOME_CONFLICT: Code.FailedPrecondition,
  SESSION_MUST_EXIST: Code.FailedPrecondition,
  REQUEST_ID_REUSED: Code.AlreadyExists,
  ARTIFACT_HELD: Code.FailedPrecondition,
  ETAG_MISMATCH: Code.Aborted,
  SEAL_PENDING: Code.Unavailable,
  OVERLOADED: Code.ResourceExhausted,
  QUOTA_EXCEEDED: Code.ResourceExhausted,
  STORAGE_FULL: Code.ResourceExhausted,
  STORE_UNAVAILABLE: Code.Unavailable,
  SHUTTING_DOWN: Code.Unavailable,
  PERMISSION_DENIED: Code.PermissionDenied,
  UNAUTHENTICATED: Code.Unauthenticated,
  DATA_LOSS: Code.DataLoss,
  NOT_IMPLEMENTED: Code.Unimplemented,
  CANCELLED: Code.Canceled,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  INTERNAL: Code.Internal,
  SHARE_LINK_NOT_FOUND: Code.NotFound,
  API_KEY_NOT_FOUND: Code.NotFound,
  NAMESPACE_EXISTS: Code.AlreadyExists,
  PUBLIC_URL_REQUIRED: Code.FailedPrecondition,
  CONTENT_UNSUITABLE: Code.FailedPrecondition,
  STORE_IN_RECOVERY: Code.Unavailable,
  STORE_NOT_EMPTY: Code.FailedPrecondition,
  EXPORT_NOT_CONFIGURED: Code.FailedPrecondition,
  ISSUER_UNAVAILABLE: Code.Unavailable,
  NOT_OWNER: Code.Unavailable,
  MESSAGES_TOO_SMALL: Code.ResourceExhausted,
};

/** Returns the one status code that a reason comes with. */
export function codeOf(reason: Reason): Code {
  return codes[reason];
}

/** Returns the failure as an error with ErrorInfo, and with BadRequest and RetryInfo if it has data for them. */
export function toConnectError(failure: Failure): ConnectError {
  const error = new ConnectError(failure.message, codes[failure.reason]);
  error.details.push({
    desc: ErrorInfoSchema,
    value: { reason: failure.reason, domain: errorDomain, metadata: { ...failure.metadata } },
  });
  if (failure.violations.length > 0)
    error.details.push({
      desc: BadRequestSchema,
      value: {
        fieldViolations: failure.violations.map(({ field, description }) => ({ field, description })),
      },
    });
  if (failure.retryAfterMs !== undefined)
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationOf(failure.retryAfterMs) } });
  return error;
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round(ms % 1000) * 1_000_000 };
}

/** Returns the failure for an unforeseen error. The caller gets no other information. */
export function unforeseen(): Failure {
  return new Failure('INTERNAL', 'internal error; see the log of the service');
}

/** Returns the failure for a caller that has read nothing of its answer for this many seconds. */
export function stalledReader(seconds: number): Failure {
  return new Failure(
    'DEADLINE_EXCEEDED',
    `the call was ended, because the caller read nothing for ${seconds} s; try again, and read the answer without pauses`,
  );
}

/** Returns the failure that an error of another process carries; undefined if it has no reason of ours. */
export function failureIn(error: ConnectError): Failure | undefined {
  const [info] = error.findDetails(ErrorInfoSchema);
  const reason = info?.domain === errorDomain ? reasons.find((one) => one === info.reason) : undefined;
  if (info === undefined || reason === undefined) return undefined;
  const [retry] = error.findDetails(RetryInfoSchema);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return new Failure(reason, error.rawMessage, {
    violations: violations.map(({ field, description }) => ({ field, description })),
    metadata: info.metadata,
    ...(retry?.retryDelay === undefined ? {} : { retryAfterMs: durationMs(retry.retryDelay) }),
  });
}

/** Returns the failure of every transport for a message above the limit. */
export function messageTooLarge(): Failure {
  const limit = limits.messageBytesMax;
  const description = `must have at most ${limit} bytes in a message`;
  return new Failure('MESSAGE_TOO_LARGE', `request: ${description}; send smaller chunks`, {
    metadata: { limit: String(limit) },
    violations: [{ field: 'request', description }],
  });
}

/** Returns the failure of every transport for a message that would take long to decode. */
export function messageTooIntricate(): Failure {
  const { messageFieldsMax: fields, messageDepthMax: depth } = limits;
  return badMessage(`must have at most ${fields} fields and elements, nested at most ${depth} deep`);
}

/** Returns the failure of every transport for a message with a text that is longer than any field allows. */
export function messageTextTooLong(): Failure {
  return badMessage(`must have no text of more than ${limits.messageTextBytesMax} bytes`);
}

/** Returns the failure for too long a message of another library; such messages contain no more than a name. */
export function messageTooLong(): Failure {
  return badMessage(`must have at most ${limits.messageTextBytesMax} bytes`);
}

function badMessage(description: string): Failure {
  return new Failure('INVALID_ARGUMENT', `request: ${description}`, {
    violations: [{ field: 'request', description }],
  });
}

/** Returns the failure of every transport for a stream of messages that are too small. */
export function messagesTooSmall(): Failure {
  const { streamMessagesFree: free, streamMessageBytesMin: bytes } = limits;
  const description =
    `has too many small messages: ${free} are allowed, and one more for every ${bytes} bytes sent; send chunks of at ` +
    `least ${bytes} bytes`;
  return new Failure('MESSAGES_TOO_SMALL', `request: ${description}`, {
    metadata: { least_bytes: String(bytes) },
    violations: [{ field: 'request', description }],
  });
}

/**
 * Runs `operation`. The fields of its violations are relative to a message that the request has under `prefix`; the
 * prefix is added to them.
 */
export async function within<T>(prefix: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof Failure ? prefixed(prefix, error) : error;
  }
}

function prefixed(prefix: string, failure: Failure): Failure {
  if (failure.violations.length === 0) return failure;
  const violations: Violation[] = failure.violations.map(({ field, description }) => ({
    field: absolute.test(field) ? field : `${prefix}.${field}`,
    description,
  }));
  const first = failure.violations[0]!.field;
  const message =
    failure.message.startsWith(`${first}:`) && !absolute.test(first)
      ? `${prefix}.${failure.message}`
      : failure.message;
  return new Failure(failure.reason, message, {
    violations,
    metadata: failure.metadata,
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    cause: failure.cause,
  });
}

/** Fields of an upload's other messages, whose names begin at the root of the request already. */
const absolute = /^(finish\.|chunk$|part$|data$|request$)/;
