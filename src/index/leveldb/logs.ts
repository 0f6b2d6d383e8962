/**
 * Damage of LevelDB's files that LevelDB does not report when it is opened. It takes a missing `CURRENT` for an empty
 * database. If the last record of a log claims to be longer than the file, LevelDB takes it for one that was cut off
 * while it was written. The format of logs is that of LevelDB's `doc/log_format.md`.
 */
import { Buffer } from 'node:buffer';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined, namesIn, readAt } from '../files.ts';
import { maskedCrc } from './crc.ts';

/**
 * Returns the damage of the files of a database that is not open, if LevelDB would not report it itself; undefined if
 * none exists.
 *
 * @param wasUsed true if something was committed to it: a database must exist.
 */
export async function obviousDamage(directory: string, wasUsed: boolean): Promise<string | undefined> {
  const names = await namesIn(directory);
  if (!names.includes('CURRENT')) {
    // A first start may have been cut short, before anything was written.
    const isNew = !wasUsed && names.every((name) => !name.endsWith('.ldb'));
    return isNew ? undefined : `${join(directory, 'CURRENT')} is missing`;
  }
  const manifest = (await readFile(join(directory, 'CURRENT'), 'latin1')).trimEnd();
  if (!names.includes(manifest)) return `${join(directory, 'CURRENT')} names a file that does not exist`;
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
 * Returns the damage at the end of a log. A record there that is longer than the log was being written when the machine
 * stopped, and LevelDB rightly drops it. But if its checksum is that of fewer bytes, its length was damaged, and the
 * record and everything after it would vanish.
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
