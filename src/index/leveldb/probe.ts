/**
 * Checks whether the disk takes the writes of an opening of LevelDB. LevelDB cannot be opened without writing: it makes
 * a table of its log, a log and a manifest. So a database that cannot be written is not closed before this is known.
 */
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined, namesIn, syncDirectory } from '../files.ts';

const MiB = 1024 * 1024;
/** The most bytes of a table for each byte of the log: for rows that are short and have no common beginnings. */
const tablePart = 1.5;

/** Returns the approximate number of bytes that an opening writes; rather more than less. */
export async function openingBytes(directory: string): Promise<number> {
  let bytes = MiB / 2;
  for (const name of await namesIn(directory)) {
    const part = name.endsWith('.log') ? tablePart : name.startsWith('MANIFEST-') ? 1 : 0;
    if (part > 0) bytes += part * ((await stat(join(directory, name)).catch(absentAsUndefined))?.size ?? 0);
  }
  return Math.ceil(bytes);
}

/** Writes as much as an opening would, and removes it. Fails with the system's error if the disk does not take it. */
export async function probeDisk(directory: string): Promise<void> {
  const path = join(directory, 'probe');
  const bytes = await openingBytes(directory);
  try {
    await using file = await open(path, 'w', 0o600);
    const block = Buffer.alloc(MiB, path);
    for (let at = 0; at < bytes; at += block.length)
      await file.writeFile(at + block.length <= bytes ? block : block.subarray(0, bytes - at));
    await file.sync();
  } finally {
    await rm(path, { force: true });
  }
  await syncDirectory(directory);
}
