/**
 * The closed set of reasons for which Artifacta refuses a call or fails. Every failure that a caller can see carries
 * exactly one of them. `error_reason.proto` publishes the same list, and a test keeps the two equal. This file does not
 * know the status codes of transports: `src/api/errors.ts` maps each reason to one.
 */
export const reasons = [
  // Bad input. `violations` names each field.
  'INVALID_ARGUMENT',
  'UPLOAD_INCOMPLETE', // the stream ended without Finish, or out of order
  'SIZE_MISMATCH',
  'DIGEST_MISMATCH',
  'ARTIFACT_TOO_LARGE',
  'MESSAGE_TOO_LARGE',
  'PAGE_TOKEN_INVALID',
  // Things that do not exist. A thing of another namespace gets exactly the same answer as a missing one.
  'NAMESPACE_NOT_FOUND',
  'SESSION_NOT_FOUND',
  'ARTIFACT_NOT_FOUND',
  'ARTIFACT_EXPIRED',
  'ARTIFACT_DELETED',
  'CONTENT_NOT_FOUND',
  'INPUT_NOT_FOUND',
  'MANIFEST_NOT_FOUND',
  // The state forbids the call.
  'SESSION_SEALED',
  'SESSION_GONE',
  'SESSION_CONFLICT', // OpenSession with other settings than the session has
  'OUTCOME_CONFLICT', // sealing again with another outcome
  'SESSION_MUST_EXIST', // automatic opening is switched off
  'REQUEST_ID_REUSED',
  'ARTIFACT_HELD',
  'ETAG_MISMATCH',
  // Capacity and availability. Calls may be retried after each of them.
  'SEAL_PENDING', // the session's manifest is being computed
  'OVERLOADED',
  'QUOTA_EXCEEDED',
  'STORAGE_FULL',
  'STORE_UNAVAILABLE', // outcome unknown after a storage error: retry with the same request_id
  'SHUTTING_DOWN',
  // The other reasons.
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'DATA_LOSS', // stored bytes do not match their checksum
  'NOT_IMPLEMENTED',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'SHARE_LINK_NOT_FOUND',
  'API_KEY_NOT_FOUND',
  'NAMESPACE_EXISTS',
  'PUBLIC_URL_REQUIRED',
  'CONTENT_UNSUITABLE', // the content cannot be read in the way that was asked for
  'STORE_IN_RECOVERY',
  'STORE_NOT_EMPTY',
  'EXPORT_NOT_CONFIGURED',
  'ISSUER_UNAVAILABLE', // it is not known whether a token is good
  'MESSAGES_TOO_SMALL', // a stream has more messages than its bytes pay for
  'NOT_OWNER', // another replica decides about the namespace, and this one cannot pass the call on
] as const;

/** One of {@link reasons}. */
export type Reason = (typeof reasons)[number];

/** One fault of the input: the field (proto path, e.g. `start.name`) and a description of the fault. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** The data of a failure in addition to its reason and message. */
interface FailureDetail {
  /** For bad input: at least one violation. */
  readonly violations?: readonly Violation[];
  /** Machine-readable context, e.g. `{ session: 'run_42' }`. Never secrets, never another namespace's data. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The time that a client should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A refusal or failure with a reason from the closed set. Anything else that is thrown counts as a bug. */
export class Failure extends Error {
  readonly reason: Reason;
  readonly violations: readonly Violation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Failure';
    this.reason = reason;
    this.violations = detail.violations ?? [];
    this.metadata = detail.metadata ?? {};
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** Returns the failure for bad input in one field. */
export function invalid(field: string, description: string): Failure {
  return new Failure('INVALID_ARGUMENT', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}

/** Returns true for a {@link Failure} with one of the given reasons. */
export function failedWith(error: unknown, ...wanted: readonly Reason[]): error is Failure {
  return error instanceof Failure && wanted.includes(error.reason);
}
