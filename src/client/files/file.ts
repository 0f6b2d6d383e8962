import { Buffer } from 'node:buffer';
import type { Stats } from 'node:fs';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { type Content, chunkBytesMax } from '../artifacts/content.ts';

/** The error for a file that cannot be pushed: it is not a regular one, or it changed while it was read. */
export class FileUnsuitable extends Error {
  readonly path: string;
  /**
   * True: it became longer while it was read. With {@link FileOptions.snapshot} the bytes that it had at first can be
   * pushed.
   */
  readonly grew: boolean;

  constructor(path: string, message: string, grew = false) {
    super(message);
    this.name = 'FileUnsuitable';
    this.path = path;
    this.grew = grew;
  }
}

/** How to open a file. */
export interface FileOptions {
  /** False: fails with ELOOP if the path itself is a symbolic link. Default true. */
  readonly followLink?: boolean;
  /** Called each time before the file is opened. If it throws, the file is not opened. Default: does nothing. */
  readonly beforeOpen?: (path: string) => void;
  /**
   * True: the content has as many bytes as the file has at first, and growth meanwhile does not matter. This is for
   * files to which programs only append: bytes that are overwritten may be read before or after. Default false.
   */
  readonly snapshot?: boolean;
}

/**
 * Returns a regular file as it is now. Every later read must find the same file with the same size and modification
 * time, before and after. Otherwise reading fails with {@link FileUnsuitable} and nothing is stored. For a snapshot it
 * must be the same file and not shorter.
 *
 * @throws FileUnsuitable for anything but a regular file. Errors of the file system as they are.
 */
export async function fileContent(path: string, options: FileOptions = {}): Promise<Content> {
  await using first = await openRegular(path, options);
  const { stats } = first;
  const { snapshot = false } = options;
  return {
    sizeBytes: stats.size,
    replayable: true,
    async *open() {
      await using opened = await openRegular(path, options);
      requireSame(path, stats, opened.stats, snapshot);
      yield* pieces(opened.handle, stats.size, path, snapshot);
      requireSame(path, stats, await opened.handle.stat(), snapshot);
    },
  };
}

async function openRegular(
  path: string,
  options: FileOptions,
): Promise<AsyncDisposable & { handle: FileHandle; stats: Stats }> {
  options.beforeOpen?.(path);
  // Without O_NONBLOCK, the opening of a FIFO waits for its writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, options.followLink === false ? flags | constants.O_NOFOLLOW : flags);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new FileUnsuitable(path, `is ${kindOf(stats)}, not a regular file`);
    return { handle, stats, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* pieces(
  handle: FileHandle,
  sizeBytes: number,
  path: string,
  snapshot: boolean,
): AsyncGenerator<Uint8Array> {
  // One byte beyond the expected end shows growth without an endless read.
  const end = snapshot ? sizeBytes : sizeBytes + 1;
  let at = 0;
  while (at < end) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytesMax, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    if (at > sizeBytes) throw grown(path, sizeBytes, 'more');
    yield buffer.subarray(0, bytesRead);
  }
  if (at < sizeBytes) throw changed(path, `it had ${sizeBytes} bytes and has ${at} now`);
}

function requireSame(path: string, before: Stats, now: Stats, snapshot: boolean): void {
  if (before.ino !== now.ino || before.dev !== now.dev) throw changed(path, 'another file took its place');
  if (snapshot && now.size >= before.size) return;
  if (now.size > before.size) throw grown(path, before.size, now.size);
  if (now.size < before.size) throw changed(path, `it had ${before.size} bytes and has ${now.size} now`);
  if (before.mtimeMs !== now.mtimeMs) throw changed(path, 'it was written to');
}

function changed(path: string, how: string, grew = false): FileUnsuitable {
  return new FileUnsuitable(path, `changed while it was pushed: ${how}`, grew);
}

function grown(path: string, hadBytes: number, hasBytes: number | 'more'): FileUnsuitable {
  // A file of the kernel states the size 0 although it has bytes: it does not grow.
  return changed(path, `it had ${hadBytes} bytes and has ${hasBytes} now`, hadBytes > 0);
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'a device' : 'something else';
}
