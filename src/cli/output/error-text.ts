import { ArtifactaError } from '../../client/errors.ts';
import { adviceFor } from '../advice.ts';
import { unreadable } from '../files/cannot-read.ts';
import { plain } from './human.ts';

/**
 * Returns what went wrong, with what, and what to do about it, in lines for people.
 *
 * @param subject what the error is about, e.g. the path of a file.
 * @param red makes a text stand out.
 */
export function errorLines(
  error: unknown,
  subject: string | undefined,
  red: (text: string) => string,
): string[] {
  const reason =
    error instanceof ArtifactaError && error.reason !== undefined ? ` (${plain(error.reason)})` : '';
  const about = subject === undefined ? '' : `${plain(subject)}: `;
  const lines = [`${red('artifacta:')} ${about}${plain(errorMessage(error))}${reason}`];
  if (error instanceof ArtifactaError) {
    const told = ({ field, description }: { field: string; description: string }) =>
      error.message.includes(field) && error.message.includes(description);
    for (const violation of error.violations.filter((one) => !told(one)))
      lines.push(`  ${plain(violation.field)}: ${plain(violation.description)}`);
  }
  const advice = adviceFor(error);
  if (advice !== undefined) lines.push(`  ${advice}`);
  return lines;
}

/** Returns errors of the file system in words; others as they are. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !('syscall' in error)) return error.message;
  // Files of a tree are opened in a way that refuses links.
  if (code === 'ELOOP') return 'it is a symbolic link';
  const why = unreadable[code];
  if (why === undefined) return error.message;
  return ['EACCES', 'EPERM', 'EIO'].includes(code) ? `it cannot be read: ${why}` : why;
}
