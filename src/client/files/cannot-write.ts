import { constants } from 'node:os';

/** The reason why a file was not written. */
export class CannotWrite extends Error {
  /** True: no other file can be written there either. */
  readonly concernsAll: boolean;

  constructor(message: string, options: { readonly cause?: unknown; readonly concernsAll?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CannotWrite';
    this.concernsAll = options.concernsAll ?? false;
  }
}

/** Node has no name for EDQUOT. */
const quotaExceeded = `Unknown system error ${-constants.errno.EDQUOT}`;

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  [quotaExceeded]: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long for this file system',
  EINVAL: 'this file system does not accept the name',
  EILSEQ: 'this file system does not accept the name',
  ENOENT: 'its directory no longer exists',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EMFILE: 'too many files are open',
  EBADF: 'it is closed',
  EIO: 'input/output error',
};
const concerningAll = ['ENOSPC', quotaExceeded, 'EROFS'];

/** Returns errors of the file system while a path was written, in words; others as they are. */
export function inWords(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || words[code] === undefined) return error;
  const message = `${path} cannot be written: ${words[code]}`;
  return new CannotWrite(message, { cause: error, concernsAll: concerningAll.includes(code) });
}
