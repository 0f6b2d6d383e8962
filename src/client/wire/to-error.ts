/** The errors of calls. The errors themselves are in a file that loads nothing: programs look for them before any call. */
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../../gen/google/rpc/error_details_pb.ts';
import {
  ArtifactaError,
  ForeignService,
  givenUp,
  type Reason,
  type StatusCode,
  UntrustedService,
} from '../errors.ts';
import { judge } from './library-errors.ts';
import { durationMilliseconds } from './times.ts';

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

function ownMessage(error: ConnectError): string {
  const isLate = error.code === Code.DeadlineExceeded && error.findDetails(ErrorInfoSchema).length === 0;
  return isLate ? 'the service did not answer in time' : error.rawMessage;
}
