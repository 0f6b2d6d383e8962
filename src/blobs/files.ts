/** The few file operations that the disk store uses, and the form of their errors for callers. */
import { chmod, chown, type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { takeBlock } from '../domain/blocks.ts';
import { Failure } from '../domain/errors.ts';
import type { FileModes } from '../domain/system/file-modes.ts';
import { quotaExceededCode } from '../domain/system/quota-code.ts';

/** Returns the system's error code (`ENOENT`); undefined for anything that is not a system error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error && 'errno' in error && 'code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Returns true if the device, or the quota on it, is used up. */
export function isFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === quotaExceededCode;
}

/**
 * Returns the failure that callers get for a failed file operation: `STORAGE_FULL` or `STORE_UNAVAILABLE`, with the
 * error as cause. The message names no path. Anything that is not a system error is a bug, and is returned as it is.
 */
export function ioFailure(error: unknown, doing: string): unknown {
  if (systemCode(error) === undefined) return error;
  if (isFull(error)) return new Failure('STORAGE_FULL', `no space left while ${doing}`, { cause: error });
  return new Failure('STORE_UNAVAILABLE', `storage error while ${doing}`, { cause: error });
}

/** Runs `operation`; its system errors become failures as in {@link ioFailure}. */
export async function guarded<T>(doing: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw ioFailure(error, doing);
  }
}

/** Makes the entries of a directory durable: names added to it and removed from it. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes a directory with exactly these rights; an existing directory keeps its own. */
export async function makeDirectory(path: string, { directory, gid }: FileModes): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    throw error;
  }
  if (gid !== undefined) await chown(path, -1, gid);
  await chmod(path, directory);
}

/** Removes a file. Returns true if it existed. */
export async function unlinkIfPresent(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The two ways of writing to an open file; a FileHandle has them. Each may take fewer bytes than it got. */
export interface Writable {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>;
}

/**
 * Writes all of `buffers`, one after the other, at `position`. The first system call is made before this returns. A
 * write may take only a part (always so just before the disk is full). The rest is written again until all bytes are
 * taken or a write fails.
 */
export async function writeFully(
  file: Writable,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  while (rest.length > 0) {
    const only = rest.length === 1 ? rest[0] : undefined;
    const { bytesWritten } = only ? await file.write(only, 0, only.length, at) : await file.writev(rest, at);
    at += bytesWritten;
    rest = after(rest, bytesWritten);
  }
}

/** Returns the rest of `buffers` without their first `count` bytes. */
function after(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip < buffer.length) left.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return left;
}

/** Returns up to `length` bytes from `position`, in memory of their own; fewer only where the file ends. */
export async function readFully(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = takeBlock(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) return buffer.subarray(0, filled);
    filled += bytesRead;
  }
  return buffer;
}
