import type { ErrorReason } from '../../gen/artifacta/v1/error_reason_pb.ts';

/** A canonical status code by name, as in the gRPC documentation. */
export type StatusCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** The service's reason for a refusal, e.g. `SESSION_SEALED`: a name of the ErrorReason enumeration. */
export type Reason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** One fault of one field of a request. */
export interface Violation {
  /** The path of the field as the proto files write it, e.g. `start.spec.name`. */
  readonly field: string;
  /** The fault, in English. */
  readonly description: string;
}

/** The data of an {@link ArtifactaError} in addition to its message. */
export interface ErrorDetail {
  readonly code: StatusCode;
  /**
   * Undefined if the service did not give one: the connection failed, or something between client and service answered.
   */
  readonly reason?: Reason | undefined;
  readonly violations?: readonly Violation[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure that this client reports, by any protocol. */
export class ArtifactaError extends Error {
  readonly code: StatusCode;
  /** Undefined if no answer of the service led to this: see {@link ErrorDetail.reason}. */
  readonly reason: Reason | undefined;
  /** The faults of the input, field by field. Empty unless `code` is INVALID_ARGUMENT. */
  readonly violations: readonly Violation[];
  /** The things that the reason is about, e.g. `{ session: 'run_42' }`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long the service asks to wait before the next try, in milliseconds. Undefined: it did not say. */
  readonly retryAfterMs: number | undefined;

  /** The path of the first field at fault, e.g. `start.spec.name`. Undefined: the error is about no field. */
  get field(): string | undefined {
    return this.violations[0]?.field;
  }

  /**
   * True if the same call may succeed later without any action. The two other kinds of exhaustion wait for a user to make
   * room, and a store in recovery waits for an operator.
   */
  get retryable(): boolean {
    const { code, reason, retryAfterMs } = this;
    if (reason === 'STORE_IN_RECOVERY' || reason === 'QUOTA_EXCEEDED' || reason === 'STORAGE_FULL')
      return false;
    return code === 'UNAVAILABLE' || reason === 'OVERLOADED' || retryAfterMs !== undefined;
  }

  constructor(message: string, detail: ErrorDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'ArtifactaError';
    this.code = detail.code;
    this.reason = detail.reason;
    this.violations = detail.violations ?? [];
    this.metadata = detail.metadata ?? {};
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/**
 * Returns the error for a field of a request that a service of an earlier version has ignored.
 *
 * @param harm what came of it; what else to do, if not nothing.
 * @internal
 */
export function fieldIgnored(field: string, { harm = '', instead = '' }): ArtifactaError {
  const message = `${harm}this service is older than this client and ignores it: upgrade the service${instead}`;
  return new ArtifactaError(`${field}: ${message}`, { code: 'UNIMPLEMENTED', reason: 'NOT_IMPLEMENTED' });
}

/** Returns the error for a call that its caller gave up, or for which the caller's time is over. @internal */
export function givenUp({ reason }: AbortSignal, cause: unknown): ArtifactaError {
  // That of `AbortSignal.timeout`.
  const isLate = reason instanceof Error && reason.name === 'TimeoutError';
  return isLate
    ? new ArtifactaError('the time limit of the call (AbortSignal.timeout) has passed', {
        code: 'DEADLINE_EXCEEDED',
        cause,
      })
    : new ArtifactaError('the call was cancelled', { code: 'CANCELLED', cause });
}

/** The error for a certificate of the service that no trusted authority has signed, or that is not for its name. */
export class UntrustedService extends ArtifactaError {
  constructor(message: string, cause: unknown) {
    super(message, { code: 'FAILED_PRECONDITION', cause });
    this.name = 'UntrustedService';
  }
}

/**
 * The error if something other than the service answers, or the service answers by another protocol: a retry would not
 * help.
 */
export class ForeignService extends ArtifactaError {
  constructor(message: string, cause: unknown) {
    super(message, { code: 'UNAVAILABLE', cause });
    this.name = 'ForeignService';
  }

  override get retryable(): boolean {
    return false;
  }
}
