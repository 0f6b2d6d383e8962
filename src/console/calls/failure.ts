/** Why a call failed, in words for the reader, with what to do about it. */
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';

/** A failed call. */
export interface Failure {
  /** A reason of the service's closed list, or a code of the protocol. */
  readonly reason: string;
  readonly message: string;
  /** What to do. Empty: the message says it. */
  readonly advice: string;
  /** The place of the fault in a filter, from 1. */
  readonly column: number | undefined;
  /** Whether the same call may succeed later. */
  readonly isPassing: boolean;
}

const advices: Readonly<Record<string, string>> = {
  UNAVAILABLE: 'The page tries again by itself. If this lasts, look whether the service runs.',
  SHUTTING_DOWN: 'The service is being restarted. The page tries again by itself.',
  OVERLOADED: 'Try again in a moment.',
  UNAUTHENTICATED: 'Give a token that is still valid.',
  PERMISSION_DENIED: 'Use credentials with this right.',
  ETAG_MISMATCH: 'It was changed elsewhere meanwhile. Reload, look at it, and try again.',
  ARTIFACT_HELD: 'Release the hold first.',
  SESSION_SEALED: 'A sealed session takes no such change any more.',
  SEAL_PENDING: 'The session is being sealed. Try again in a moment.',
  SESSION_NOT_FOUND: 'It was deleted, has expired, or never existed. Sessions are listed at /.',
  ARTIFACT_NOT_FOUND: 'It was deleted, has expired, or never existed.',
  ARTIFACT_EXPIRED: 'Its time was over. The manifest of its session still names it.',
  ARTIFACT_DELETED: 'The manifest of its session still names it.',
  DATA_LOSS:
    'A stored block is damaged. A push of the same bytes repairs it; see `artifacta fsck --contents`.',
  STORE_IN_RECOVERY: 'An operator has to act: `artifacta fsck` says how.',
  PAGE_TOKEN_INVALID: 'The list was open for too long. Reload it.',
};

const passing = [Code.Unavailable, Code.Aborted, Code.ResourceExhausted, Code.DeadlineExceeded];

/** Explains what was thrown. */
export function failureOf(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const reason = info?.reason ?? upperCase(Code[error.code]);
  const [violation] = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const column = Number(info?.metadata.column ?? Number.NaN);
  const isLocal = info === undefined && error.code === Code.Unknown;
  return {
    // A request that did not get through at all has no code.
    reason: isLocal ? 'UNAVAILABLE' : reason,
    message: isLocal
      ? `the service does not answer (${error.rawMessage})`
      : violation === undefined || error.rawMessage.includes(violation.description)
        ? error.rawMessage
        : `${violation.field}: ${violation.description}`,
    advice: advices[isLocal ? 'UNAVAILABLE' : reason] ?? '',
    column: Number.isInteger(column) ? column : undefined,
    isPassing: isLocal || passing.includes(error.code),
  };
}

/** Whether a call was ended by its caller. */
export function isCancelled(thrown: unknown): boolean {
  return (
    (thrown instanceof DOMException && thrown.name === 'AbortError') ||
    ConnectError.from(thrown).code === Code.Canceled
  );
}

function upperCase(name = 'Unknown'): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
