import { ArtifactaError, ForeignService, type Reason, UntrustedService } from '../client/errors.ts';
import { FileUnsuitable } from '../client/files/file.ts';

/** What a user at a command line can do about each reason. Reasons without an entry explain themselves. */
const advice: Partial<Record<Reason, string>> = {
  SESSION_NOT_FOUND: '"artifacta ls" lists the sessions that exist.',
  ARTIFACT_NOT_FOUND: '"artifacta ls SESSION" lists the artifacts of a session.',
  ARTIFACT_EXPIRED: 'An expired artifact cannot be restored. Push it again, with a longer --ttl.',
  ARTIFACT_DELETED:
    '"artifacta ls SESSION --all-versions" lists older versions; --version selects one of them.',
  INPUT_NOT_FOUND: 'Each --input must be the id of an artifact that exists in this namespace.',
  SESSION_SEALED: 'A sealed session accepts nothing new. To push, choose another session.',
  SESSION_CONFLICT:
    'Metadata and expected outputs are set once. Choose another id, or open the session with the ' +
    'same settings as before.',
  REQUEST_ID_REUSED: 'Use a new --request-id for other content, or leave --request-id out.',
  STORAGE_FULL:
    'The reaper frees the space of artifacts 75 minutes or more after they expire or are deleted ("artifacta rm"), ' +
    'unless maintenance is paused. An operator can make room at once with a larger disk, or with a smaller ' +
    '--reserve-bytes of the service.',
  OVERLOADED: 'Try again in a moment.',
  STORE_UNAVAILABLE: 'Try again. With the same --request-id, nothing is stored twice.',
  SHUTTING_DOWN: 'Try again in a moment.',
  STORE_IN_RECOVERY:
    'The index is damaged. An operator must run "artifacta fsck", which shows the loss and what to do.',
  STORE_NOT_EMPTY: 'With --replace, the import replaces everything in the store.',
  PERMISSION_DENIED: 'The credentials, or this kind of connection, do not have the right for this call.',
  UNAUTHENTICATED: 'Put a valid API key or token into ARTIFACTA_TOKEN.',
  NAMESPACE_NOT_FOUND: 'Namespaces are created by operators. Check --namespace.',
  DATA_LOSS: 'The stored bytes are damaged. Pushing the same content again repairs them.',
  MANIFEST_NOT_FOUND: 'Only a sealed session has a manifest: seal it, or leave --gone out.',
  ETAG_MISMATCH:
    'Look at the change first, then use the new etag: "artifacta show --json", "artifacta session show --json" or ' +
    '"artifacta policy get --json" prints it.',
  DIGEST_MISMATCH:
    'The bytes changed between reading and sending, or on the way. Nothing was stored; try again.',
  SIZE_MISMATCH: 'The content changed while it was pushed. Nothing was stored; try again.',
  DEADLINE_EXCEEDED:
    'The call took too long. If you pushed the output of a slow command, write it to a file and push that file.',
  INTERNAL: 'This is a fault in the service; see its log.',
};

const scopeAdvice = (scope: string) =>
  `Use a key or token with the scope "${scope}". An operator makes a key with "artifacta keys create --scope SCOPES".`;

/** Returns the advice for a refusal of the service, unless its message gives the same or makes it wrong. */
function adviceForReason(reason: Reason, { message, metadata }: ArtifactaError): string | undefined {
  const isSaid: Partial<Record<Reason, RegExp>> = {
    OVERLOADED: /\b(again|before you|end some)\b/,
    SHUTTING_DOWN: /\bagain\b/,
    UNAUTHENTICATED: /artifacta fsck|leave the token out/,
    PERMISSION_DENIED: /\bonly operators\b/,
    DATA_LOSS: /artifacta fsck|same bytes again/,
  };
  if (isSaid[reason]?.test(message)) return undefined;
  // These are not about an etag, and say what to do.
  if (reason === 'ETAG_MISMATCH' && !/\betag\b/.test(message)) return undefined;
  if (reason === 'PERMISSION_DENIED' && metadata.scope !== undefined) return scopeAdvice(metadata.scope);
  // Damage of the index, and not of a content.
  if (reason === 'DATA_LOSS' && /\bindex\b/.test(message)) return advice.STORE_IN_RECOVERY;
  return advice[reason];
}

/** Returns the advice for a failure; undefined if none exists. */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof FileUnsuitable && error.message.startsWith('is a pipe'))
    return 'To push what comes through a pipe, use standard input: artifacta push - --name NAME.';
  if (error instanceof FileUnsuitable && error.grew)
    return 'To push a file that grows, such as a log, as it is at the start, use push --snapshot.';
  if (!(error instanceof ArtifactaError)) return undefined;
  if (error instanceof UntrustedService)
    return 'Set ARTIFACTA_TLS_CA to the file with the authority that signed the certificate of the service.';
  if (error instanceof ForeignService)
    return 'Is --url right? gRPC and HTTP have ports of their own, and TLS needs grpcs:// or https://.';
  if (error.reason !== undefined) return adviceForReason(error.reason, error);
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
