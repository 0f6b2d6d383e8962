import { Code, ConnectError } from '@connectrpc/connect';
import type { ErrorReason } from '../../gen/artifacta/v1/error_reason_pb.ts';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { judge } from './wire/library-errors.ts';
import { durationMilliseconds } from './wire/times.ts';

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

const statusCodes: Readonly<Record<Code, StatusCode>> = {
  [Code.Canceled]: 'CANCELLED',
  [Code.Unknown]: 'UNKNOWN',
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.NotFound]: 'NOT_FOUND',
  [Code.AlreadyExists]: 'ALREADY_EXISTS',
  [Code.PermissionDenied]: 'PERMISSION_DENIED',
  [Code.ResourceExhausted]: 'RESOURCE_EXHAUSTED',
  [Code.FailedPrecondition]: 'FAILED_PRECONDITION',
  [Code.Aborted]: 'ABORTED',
  [Code.OutOfRange]: 'OUT_OF_RANGE',
  [Code.Unimplemented]: 'UNIMPLEMENTED',
  [Code.Internal]: 'INTERNAL',
  [Code.Unavailable]: 'UNAVAILABLE',
  [Code.DataLoss]: 'DATA_LOSS',
  [Code.Unauthenticated]: 'UNAUTHENTICATED',
};

/**
 * Returns an error of a call as an {@link ArtifactaError}.
 *
 * @param signal the caller's own signal: distinguishes giving up from losing the connection.
 */
export function toArtifactaError(thrown: unknown, signal?: AbortSignal): ArtifactaError {
  if (thrown instanceof ArtifactaError) return thrown;
  if (signal?.aborted) return givenUp(signal, thrown);
  const error = ConnectError.from(thrown, Code.Internal);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const judged = info === undefined ? judge(error) : undefined;
  if (judged?.kind === 'unsendable')
    return new ArtifactaError(judged.message, {
      code: 'INVALID_ARGUMENT',
      violations: [{ field: judged.field, description: judged.description }],
      cause: thrown,
    });
  if (judged?.kind === 'distrust') return new UntrustedService(judged.message, thrown);
  if (judged?.kind === 'foreign') return new ForeignService(judged.message, thrown);
  return new ArtifactaError(judged?.message ?? ownMessage(error), {
    code: judged?.kind === 'lost' ? 'UNAVAILABLE' : (statusCodes[error.code] ?? 'UNKNOWN'),
    reason: info?.reason as Reason | undefined,
    violations: violations.map(({ field, description }) => ({ field, description })),
    metadata: info?.metadata ?? {},
    retryAfterMs: delay === undefined ? undefined : durationMilliseconds(delay),
    cause: thrown,
  });
}

/** Returns the error for a call that its caller gave up, or for which the caller's time is over. */
function givenUp({ reason }: AbortSignal, cause: unknown): ArtifactaError {
  // That of `AbortSignal.timeout`.
  const isLate = reason instanceof Error && reason.name === 'TimeoutError';
  return isLate
    ? new ArtifactaError('the time limit of the call (AbortSignal.timeout) has passed', {
        code: 'DEADLINE_EXCEEDED',
        cause,
      })
    : new ArtifactaError('the call was cancelled', { code: 'CANCELLED', cause });
}

function ownMessage(error: ConnectError): string {
  const isLate = error.code === Code.DeadlineExceeded && error.findDetails(ErrorInfoSchema).length === 0;
  return isLate ? 'the service did not answer in time' : error.rawMessage;
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
