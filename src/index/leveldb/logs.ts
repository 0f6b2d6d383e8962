/**
 * What LevelDB would not say about its own files when it is opened: it takes a missing `CURRENT` for an empty database,
 * and a log whose last record claims to be longer than the file for one that was cut off while it was written. The
 * format of logs is that of LevelDB's `doc/log_format.md`.
 */
import { Buffer } from 'node:buffer';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { maskedCrc } from './crc.ts';
import { absentAsUndefined, namesIn, readAt } from './files.ts';

/**
 * What is wrong with the files of a database that is not open, as far as LevelDB would not say so itself; undefined if
 * nothing is.
 *
 * @param wasUsed something was committed to it: there must be a database.
 */
export async function obviousDamage(directory: string, wasUsed: boolean): Promise<string | undefined> {
  const names = await namesIn(directory);
  if (!names.includes('CURRENT')) {
    // A first start may have been cut short, before anything was written.
    const isNew = !wasUsed && names.every((name) => !name.endsWith('.ldb'));
    return isNew ? undefined : `${join(directory, 'CURRENT')} is missing`;
  }
  const manifest = (await readFile(join(directory, 'CURRENT'), 'latin1')).trimEnd();
  if (!names.includes(manifest)) return `${join(directory, 'CURRENT')} names a file that is not there`;
  for (const name of names) {
    if (!name.startsWith('MANIFEST-') && !name.endsWith('.log')) continue;
    const damage = await damageOfLogTail(join(directory, name));
    if (damage !== undefined) return damage;
  }
  return undefined;
}

const logBlockBytes = 32 * 1024;
const logHeaderBytes = 7;

/**
 * A record at the end of a log that is longer than the log was being written when the machine stopped, and LevelDB
 * rightly drops it, unless its checksum is that of fewer bytes: then its length is what was damaged, and it and all
 * that follows would vanish.
 */
async function damageOfLogTail(path: string): Promise<string | undefined> {
  const tail = await readLastBlock(path);
  for (let at = 0; at + logHeaderBytes <= tail.length; ) {
    const stored = tail.readUInt32LE(at);
    const length = tail.readUInt16LE(at + 4);
    const content = at + 6;
    const end = at + logHeaderBytes + length;
    if (end > tail.length) {
      for (let shorter = content + 1; shorter <= tail.length; shorter++)
        if (maskedCrc(tail.subarray(content, shorter)) === stored)
          return `${path}: a record has a damaged length`;
      return undefined;
    }
    at = end;
  }
  return undefined;
}

async function readLastBlock(path: string): Promise<Buffer> {
  await using file = await open(path, 'r').catch(absentAsUndefined);
  if (file === undefined) return Buffer.alloc(0);
  const { size } = await file.stat();
  const start = size === 0 ? 0 : Math.floor((size - 1) / logBlockBytes) * logBlockBytes;
  return await readAt(file, start, size - start);
}
