/** Batches that are handed over row by row, in memory that is used again. */
import { Buffer } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../src/index/engine/database.ts';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import type { Write } from '../../../src/index/row.ts';

async function opened(): Promise<Database> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-batches-'));
  const database = await openLevelDatabase(directory);
  onTestFinished(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });
  return database;
}

const put = (key: string, value: Buffer | string): Write => ({
  type: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const del = (key: string): Write => ({ type: 'del', key: Buffer.from(key) });

const read = (database: Database, ...wanted: string[]) =>
  wanted.map((key) => {
    const value = database.getSync?.(Buffer.from(key));
    return value && Buffer.from(value).toString();
  });

test('a batch has its own rows only, and its last write to a key counts', async () => {
  const database = await opened();
  await database.batch([put('a', '1'), put('b', '1'), put('b', '2')]);
  await database.batch([del('a'), put('c', '1')]);
  // What an earlier batch has put would come back if it were still in the memory.
  await database.batch([put('d', '1')]);
  expect(read(database, 'a', 'b', 'c', 'd')).toEqual([undefined, '2', '1', '1']);
});

test('the same is so after a batch that is too large to be kept', async () => {
  const database = await opened();
  const large = Buffer.alloc(3 * 1024 * 1024, 'x');
  await database.batch(['a', 'b', 'c'].map((key) => put(key, large)));
  await database.batch([del('a'), del('b'), del('c')]);
  await database.batch([put('d', '1')]);
  expect(read(database, 'a', 'b', 'c', 'd')).toEqual([undefined, undefined, undefined, '1']);
});

test('a database that is closed takes none', async () => {
  const database = await opened();
  await database.batch([put('a', '1')]);
  await database.close();
  await expect(database.batch([put('a', '2')])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
});
