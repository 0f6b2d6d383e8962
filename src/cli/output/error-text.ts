import { ArtifactaError } from '../../client/errors.ts';
import { adviceFor } from '../advice.ts';
import { plain } from './human.ts';

/**
 * What went wrong, with what, and what to do about it, in lines for people.
 *
 * @param subject what it was about, e.g. the path of a file.
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

/** Errors of the file system in words; others as they are. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'it cannot be read: permission denied',
    EPERM: 'it cannot be read: permission denied',
    ELOOP: 'it is a symbolic link',
    ENXIO: 'it is a socket or a device, not a regular file',
    EMFILE: 'too many files are open',
    EIO: 'it cannot be read: input/output error',
  };
  return (code !== undefined && 'syscall' in error && words[code]) || error.message;
}
