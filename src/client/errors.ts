import { Code, ConnectError } from '@connectrpc/connect';
import type { ErrorReason } from '../../gen/artifacta/v1/error_reason_pb.ts';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
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

/** Why the service refused, e.g. `SESSION_SEALED`: a name of the ErrorReason enumeration. */
export type Reason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** One thing wrong with one field of a request. */
export interface Violation {
  /** Path of the field as the proto files write it, e.g. `start.spec.name`. */
  readonly field: string;
  /** What is wrong with it, in English. */
  readonly description: string;
}

/** What an {@link ArtifactaError} carries beside its message. */
export interface ErrorDetail {
  readonly code: StatusCode;
  /** Undefined if the service did not say: the connection failed, or something between us answered. */
  readonly reason?: Reason | undefined;
  readonly violations?: readonly Violation[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure that this client reports, whichever protocol it came by. */
export class ArtifactaError extends Error {
  readonly code: StatusCode;
  /** Undefined if no answer of the service led to this: see {@link ErrorDetail.reason}. */
  readonly reason: Reason | undefined;
  /** What is wrong with the input, field by field. Empty unless `code` is INVALID_ARGUMENT. */
  readonly violations: readonly Violation[];
  /** What the reason is about, e.g. `{ session: 'run_42' }`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long the service asks to wait before the next try, in milliseconds. Undefined: it did not say. */
  readonly retryAfterMs: number | undefined;

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
 * What was thrown by a call, as an {@link ArtifactaError}.
 *
 * @param signal the caller's own signal: tells giving up from losing the connection.
 */
export function toArtifactaError(thrown: unknown, signal?: AbortSignal): ArtifactaError {
  if (thrown instanceof ArtifactaError) return thrown;
  if (signal?.aborted)
    return new ArtifactaError('the call was given up', { code: 'CANCELLED', cause: thrown });
  const error = ConnectError.from(thrown, Code.Internal);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const distrust = info === undefined ? distrustOf(error) : undefined;
  if (distrust !== undefined) return new UntrustedService(distrust, thrown);
  const lost = info === undefined && isLostConnection(error);
  return new ArtifactaError(lost ? `no connection: ${causeText(error)}` : error.rawMessage, {
    code: lost ? 'UNAVAILABLE' : (statusCodes[error.code] ?? 'UNKNOWN'),
    reason: info?.reason as Reason | undefined,
    violations: violations.map(({ field, description }) => ({ field, description })),
    metadata: info?.metadata ?? {},
    retryAfterMs: delay === undefined ? undefined : durationMilliseconds(delay),
    cause: thrown,
  });
}

const connectionCodes =
  /^(E(CONN|PIPE|NOENT|TIMEDOUT|NOTFOUND|AI_AGAIN|HOST|NET)|ERR_HTTP2_|ERR_STREAM_|ERR_TLS|UND_ERR)/;

/** The certificate of the service does not come from an authority that is trusted, or is not for its name. */
export class UntrustedService extends ArtifactaError {
  constructor(code: string, cause: unknown) {
    super(`the certificate of the service is not trusted: ${code}`, { code: 'FAILED_PRECONDITION', cause });
    this.name = 'UntrustedService';
  }
}

const distrustCodes = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_)/;

/** What is wrong with the certificate of the service; trying again would not help. */
function distrustOf(error: ConnectError): string | undefined {
  const codes = causes(error).map((cause) => String((cause as { code?: unknown }).code));
  return codes.find((code) => distrustCodes.test(code));
}

/**
 * Every answer of the service carries a reason. An error without one was made by the libraries between us, which
 * call a lost connection by many names; the retry must not depend on which.
 */
function isLostConnection(error: ConnectError): boolean {
  if (error.code === Code.Unavailable || error.code === Code.Aborted || error.code === Code.Canceled)
    return true;
  if (error.code !== Code.Internal && error.code !== Code.Unknown) return false;
  if (/missing (status|EndStreamResponse)|stream closed with|socket hang up/i.test(error.rawMessage))
    return true;
  return causes(error).some((cause) => connectionCodes.test(String((cause as { code?: unknown }).code)));
}

function causes(error: unknown): object[] {
  const found: object[] = [];
  for (let at = error; typeof at === 'object' && at !== null && found.length < 8; ) {
    found.push(at);
    at = at instanceof AggregateError ? at.errors[0] : (at as { cause?: unknown }).cause;
  }
  return found;
}

/** The innermost message says most: `connect ECONNREFUSED 127.0.0.1:50051`. */
function causeText(error: ConnectError): string {
  const innermost = causes(error).at(-1);
  return innermost instanceof ConnectError ? innermost.rawMessage : String((innermost as Error).message);
}
