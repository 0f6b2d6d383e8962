/** What the readers of LevelDB's files share. */
import { Buffer } from 'node:buffer';
import { type FileHandle, readdir } from 'node:fs/promises';
import { crc32c } from '@node-rs/crc32';

/** The names in a directory; none if it is absent. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** True if there is no such file. */
export function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** For `catch`: a file that is absent is undefined. */
export function absentAsUndefined(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** The CRC-32C of `bytes` as LevelDB stores it: rotated and shifted, so that the CRC of bytes that hold CRCs means something. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Bytes of a file; fewer if it ends before. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
