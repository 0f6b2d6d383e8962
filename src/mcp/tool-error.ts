/** The errors of tools, as texts that a model can act on. */
import { ArtifactaError, type Reason } from '../client/errors.ts';
import { CannotWrite } from '../client/files/cannot-write.ts';
import { FileUnsuitable } from '../client/files/file.ts';

/** The error for an argument, with its name. */
export class BadArgument extends Error {
  constructor(field: string, description: string) {
    super(`${field}: ${description}`);
    this.name = 'BadArgument';
  }
}

/** What a model can do about each reason. Reasons without an entry explain themselves. */
const advice: Partial<Record<Reason, string>> = {
  SESSION_NOT_FOUND: 'The tool `sessions` lists the sessions that exist.',
  ARTIFACT_NOT_FOUND: 'The tool `query` lists the artifacts of a session.',
  ARTIFACT_EXPIRED: 'It cannot be restored: its producer must push it again.',
  ARTIFACT_DELETED: 'The tool `query` with all_versions lists older versions.',
  INPUT_NOT_FOUND: 'Each input must be the id (art_…) of an artifact that exists.',
  SESSION_SEALED: 'Call open_session for a new one, and name that.',
  SESSION_GONE: 'Choose another session id.',
  SESSION_CONFLICT: 'Metadata and expected outputs are set once: choose another id, or the same settings.',
  OUTCOME_CONFLICT: 'An outcome is set once. The tool `show` has it.',
  REQUEST_ID_REUSED: 'Use a new request_id for other content, or none.',
  QUOTA_EXCEEDED: 'A person must delete something or enlarge the quota.',
  STORAGE_FULL: 'A person must make room on the disk of the service.',
  OVERLOADED: 'Try again in a moment.',
  STORE_UNAVAILABLE: 'Try again.',
  SHUTTING_DOWN: 'Try again in a moment.',
  PERMISSION_DENIED: 'The credentials of this server do not have that right.',
  UNAUTHENTICATED:
    'The credentials of this server are not valid, or not valid any more: a person must renew them.',
};

/** The longest text of an error. The texts of others, such as a pattern's, can be of any length. */
const textCharactersMax = 2_000;

/** Returns the text of an error: its reason, the argument and its fault, and what to do. */
export function textOfError(error: unknown): string {
  const text = wholeText(error);
  return text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax)}…`;
}

function wholeText(error: unknown): string {
  if (error instanceof ArtifactaError) {
    const { code, reason, message } = error;
    const next = reason === undefined ? undefined : advice[reason];
    return `${reason ?? code}: ${message}${next === undefined ? '' : `. ${next}`}`;
  }
  if (error instanceof FileUnsuitable) return `path: ${error.message}`;
  if (error instanceof CannotWrite) return `cannot write: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
