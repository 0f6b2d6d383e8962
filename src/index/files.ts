/** The operations on files that the index needs in addition to those of its database. */
import { Buffer } from 'node:buffer';
import { access, type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises';
import { makeDirectories } from '../domain/system/make-directories.ts';

/**
 * Makes a directory, visible only to its owner, if it does not exist. LevelDB would make one that is open to others.
 */
export async function makePrivate(directory: string): Promise<void> {
  await makeDirectories({ mkdir, stat }, directory);
}

/** Returns the names in a directory; none if it is absent. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Returns true if no such file exists. */
export function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** For `catch`: returns undefined for a file that is absent. */
export function absentAsUndefined(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** Returns true if such a file exists. */
export async function exists(path: string): Promise<boolean> {
  return (await access(path).then(() => true, absentAsUndefined)) ?? false;
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

/** Returns bytes of a file; fewer if it ends before. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
