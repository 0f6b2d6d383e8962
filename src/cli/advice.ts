import { ArtifactaError, ForeignService, type Reason, UntrustedService } from '../client/errors.ts';
import { FileUnsuitable } from '../client/files/file.ts';

/** What a user at a command line can do about each reason. Reasons without an entry explain themselves. */
const advice: Partial<Record<Reason, string>> = {
  SESSION_NOT_FOUND: 'See "artifacta ls" for the sessions that exist.',
  ARTIFACT_NOT_FOUND: 'See "artifacta ls SESSION" for the artifacts of a session.',
  ARTIFACT_EXPIRED: 'It cannot be brought back; push it again, with a longer --ttl.',
  ARTIFACT_DELETED:
    'For an older version see "artifacta ls SESSION --all-versions", and name it with --version.',
  INPUT_NOT_FOUND: 'Each --input must be the id of an artifact that exists in this namespace.',
  SESSION_SEALED: 'Push to another session; a sealed session accepts nothing new.',
  SESSION_GONE: 'Choose another session id; this one is free again 30 days after its last artifact.',
  SESSION_MUST_EXIST: 'Open it first, with "artifacta session open".',
  SESSION_CONFLICT: 'Metadata and expected outputs are set once. Choose another id, or open it as it was.',
  OUTCOME_CONFLICT: 'An outcome is set once. See "artifacta session show" for the one it has.',
  REQUEST_ID_REUSED: 'Use a new --request-id for other content, or leave it out.',
  QUOTA_EXCEEDED: 'Delete something, or ask the operator for a larger quota.',
  STORAGE_FULL:
    'What has expired or was deleted ("artifacta rm") frees space 75 minutes later; the operator can free it ' +
    'at once.',
  OVERLOADED: 'Try again in a moment.',
  STORE_UNAVAILABLE: 'Try again; to make sure that nothing is stored twice, with the same --request-id.',
  SHUTTING_DOWN: 'Try again in a moment.',
  STORE_IN_RECOVERY: 'The index is damaged. The operator must look at it with "artifacta fsck".',
  STORE_NOT_EMPTY: 'With --replace, the import replaces all that is in the store.',
  PERMISSION_DENIED: 'The credentials, or this way to connect, do not have the right for this.',
  UNAUTHENTICATED: 'Put a valid API key or token into ARTIFACTA_TOKEN.',
  NAMESPACE_NOT_FOUND: 'Namespaces are created by operators. Check --namespace.',
  DATA_LOSS: 'The stored bytes are damaged. Pushing the same content again repairs them.',
  MANIFEST_NOT_FOUND: 'Only a sealed session has a manifest: seal it, or leave --gone out.',
  ETAG_MISMATCH: 'It has changed since. See "artifacta show --json" for the etag that it has now.',
  DIGEST_MISMATCH:
    'The bytes changed between reading and sending, or on the way. Nothing was stored; try again.',
  SIZE_MISMATCH: 'The content changed while it was pushed. Nothing was stored; try again.',
  DEADLINE_EXCEEDED: 'It took too long. Write the output of a slow pipe to a file first.',
  INTERNAL: 'This is a fault in the service; see its log.',
};

/** Returns the advice for a failure; undefined if none exists. */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof FileUnsuitable && error.message.startsWith('is a pipe'))
    return 'To push what comes through a pipe, use standard input: artifacta push - --name NAME.';
  if (error instanceof FileUnsuitable && error.grew)
    return 'To push a file that grows, such as a log, as it is at the start, use push --snapshot.';
  if (!(error instanceof ArtifactaError)) return undefined;
  if (error instanceof UntrustedService)
    return 'ARTIFACTA_TLS_CA names the file with the authority that signed it.';
  if (error instanceof ForeignService)
    return 'Is --url right? gRPC and HTTP have ports of their own, and TLS needs grpcs:// or https://.';
  if (error.reason !== undefined) return advice[error.reason];
  // The error of a store that this process could not open explains itself.
  const isOwn = error.cause instanceof Error && error.cause.name === 'Failure';
  if (error.code === 'UNAVAILABLE' && !isOwn) return 'Is the service running, and is --url right?';
  return undefined;
}

/** Returns true for failures that would repeat for every further file. */
export function concernsAll(error: unknown): boolean {
  if (!(error instanceof ArtifactaError)) return false;
  const codes = ['UNAVAILABLE', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'CANCELLED', 'UNIMPLEMENTED'];
  if (codes.includes(error.code)) return true;
  const reasons = [
    'SESSION_SEALED',
    'SESSION_GONE',
    'SESSION_MUST_EXIST',
    'NAMESPACE_NOT_FOUND',
    'QUOTA_EXCEEDED',
    'STORAGE_FULL',
    'INPUT_NOT_FOUND',
  ];
  return error.reason !== undefined && reasons.includes(error.reason);
}
