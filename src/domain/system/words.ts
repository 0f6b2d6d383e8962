import { quotaExceededCode } from './quota-code.ts';

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  [quotaExceededCode]: 'the disk quota is used up',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EEXIST: 'something else has this name',
  ELOOP: 'it leads through too many symbolic links',
  ENAMETOOLONG: 'the name is too long for the file system',
  EMFILE: 'the process has too many files open',
  ENFILE: 'the system has too many files open',
  EIO: 'input/output error',
};

/** Returns the text of a system error for people, without its code and path; for other errors, their message. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (code !== undefined && 'syscall' in error ? words[code] : undefined) ?? error.message;
}
