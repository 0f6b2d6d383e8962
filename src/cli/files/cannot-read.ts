import { open } from 'node:fs/promises';

/** The reason why a file was not read; the message names the file. */
class CannotRead extends Error {
  constructor(path: string, why: string, cause?: unknown) {
    super(`${path} cannot be read: ${why}`, cause === undefined ? undefined : { cause });
    this.name = 'CannotRead';
  }
}

/** The reasons why a file cannot be read, by the code of the system error. */
export const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ELOOP: 'it leads through too many symbolic links',
  ENXIO: 'it is a socket or a device, not a regular file',
  EMFILE: 'too many files are open',
  EIO: 'input/output error',
  EBADF: 'it is closed',
};

/**
 * Yields the bytes of a file, a pipe or a device, read once, in large pieces.
 *
 * @throws CannotRead, also while it is read.
 */
export async function* readOnce(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    await using handle = await open(path);
    if ((await handle.stat()).isDirectory()) throw new CannotRead(path, unreadable.EISDIR!);
    yield* handle.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false });
  } catch (error) {
    throw inWords(error, path);
  }
}

/**
 * Yields the bytes of standard input.
 *
 * @throws CannotRead while it is read, also if it is closed.
 */
export async function* readStdin(stdin: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* stdin;
  } catch (error) {
    throw inWords(error, 'standard input');
  }
}

function inWords(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new CannotRead(path, unreadable[code] ?? (error as Error).message, error);
}
