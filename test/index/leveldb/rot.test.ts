/**
 * One flipped bit in any file of LevelDB's: it is noticed, or it changes nothing. In particular no row is ever hidden,
 * which LevelDB alone would do: it verifies no block that it reads.
 */
import { Buffer } from 'node:buffer';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../../../src/domain/errors.ts';
import type { After } from '../../../src/domain/timer.ts';
import { IndexDamaged } from '../../../src/index/damage.ts';
import type { Index } from '../../../src/index/door.ts';
import { openEngine } from '../../../src/index/engine/engine.ts';
import { type ByteLevel, openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { damageOfTable, listTables, TableCheck } from '../../../src/index/leveldb/tables.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import { everything, key, ManualTimer, put, turns, write } from '../support.ts';

let root: string;
let names: string[];
const rowCount = 120;

const nameOf = (at: number) => `row-${String(at).padStart(4, '0')}`;
/** Rows that compress and rows that do not, so that both kinds of block are there. */
const contentOf = (at: number) => (at % 3 === 0 ? 'x'.repeat(300) : `${at}-${Math.sin(at) * 1e15}`.repeat(6));

function open(place: string): Promise<Index> {
  return openLevelIndex({
    directory: join(place, 'index'),
    markPath: join(place, 'mark'),
    after: new ManualTimer().after,
  });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'artifacta-rot-'));
  for (const part of [0, 1, 2]) {
    // What is in the log of the last session stays there; what was written before is in one table, whatever LevelDB has
    // compacted by itself, and however far it had come when it was closed.
    if (part === 2) await compact(join(root, 'sound', 'index'));
    const index = await open(join(root, 'sound'));
    for (let at = (part * rowCount) / 3; at < ((part + 1) * rowCount) / 3; at++)
      await write(index, [put(nameOf(at), contentOf(at))]);
    await index.close();
  }
  names = (await readdir(join(root, 'sound', 'index'))).filter((name) => !/^LO(CK|G)/.test(name));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function compact(directory: string): Promise<void> {
  const level = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  await (level as ByteLevel).compactRange(new Uint8Array(), new Uint8Array([255]));
  await level.close();
}

async function flipped(name: string, at: number, bit: number): Promise<string> {
  const place = join(root, 'flipped');
  await rm(place, { recursive: true, force: true });
  await cp(join(root, 'sound'), place, { recursive: true });
  const path = join(place, 'index', name);
  const bytes = await readFile(path);
  bytes[at]! ^= 1 << bit;
  await writeFile(path, bytes);
  return place;
}

type Verdict = 'refused' | 'harmless' | 'some rows refused';

async function verdictOn(place: string): Promise<Verdict> {
  let index: Index;
  try {
    index = await open(place);
  } catch (error) {
    if (error instanceof Failure && error.reason === 'DATA_LOSS') return 'refused';
    throw error;
  }
  try {
    return await readBack(index);
  } finally {
    await index.close();
  }
}

/** Fails for a row that is answered wrongly, or as if it were not there. */
async function readBack(index: Index): Promise<Verdict> {
  let refused = 0;
  for (let at = 0; at < rowCount; at++) {
    try {
      const value = await index.get(key(nameOf(at)));
      expect(value === undefined ? undefined : Buffer.from(value).toString()).toBe(contentOf(at));
    } catch (error) {
      if (!(error instanceof Failure && error.reason === 'DATA_LOSS')) throw error;
      refused++;
    }
  }
  let scanned = 0;
  try {
    for await (const block of index.scan(everything)) scanned += block.length;
    expect(scanned).toBe(rowCount);
  } catch (error) {
    if (!(error instanceof Failure && error.reason === 'DATA_LOSS')) throw error;
    refused++;
  }
  return refused === 0 ? 'harmless' : 'some rows refused';
}

test('there is one of every kind of file', () => {
  const kinds = names.map((name) => name.replace(/\d+/, 'N')).sort();
  expect(kinds).toEqual(['CURRENT', 'MANIFEST-N', 'N.ldb', 'N.log']);
});

describe.each([
  ['CURRENT', /^CURRENT$/, 1],
  ['the manifest', /^MANIFEST/, 1],
  ['the log', /\.log$/, 41],
  ['the tables', /\.ldb$/, 53],
] as const)('a bit flipped in %s', (_kind, pattern, step) => {
  test('is noticed or harmless, wherever it is', { timeout: 60_000 }, async () => {
    const verdicts: Verdict[] = [];
    for (const name of names.filter((candidate) => pattern.test(candidate))) {
      const { length } = await readFile(join(root, 'sound', 'index', name));
      for (let at = 0; at < length; at += step)
        verdicts.push(await verdictOn(await flipped(name, at, at % 8)));
    }
    expect(verdicts.length).toBeGreaterThan(10);
    expect(verdicts.filter((verdict) => verdict === 'refused').length).toBeGreaterThan(verdicts.length * 0.9);
  });
});

test('the last record of a manifest or a log whose length grew is not taken for a torn one', async () => {
  for (const name of names.filter((candidate) => /^MANIFEST|\.log$/.test(candidate))) {
    const bytes = await readFile(join(root, 'sound', 'index', name));
    let last = 0;
    for (let at = 0; at + 7 <= bytes.length; at += 7 + bytes.readUInt16LE(at + 4)) last = at;
    const place = await flipped(name, last + 5, 6);
    await rm(join(place, 'mark'));
    await expect(open(place)).rejects.toMatchObject({
      reason: 'DATA_LOSS',
      message: `the index is damaged: ${join(place, 'index', name)}: a record has a damaged length`,
    });
  }
});

test('tables that are not checked at first are checked later, each once', async () => {
  const table = names.find((name) => name.endsWith('.ldb'))!;
  const { length } = await readFile(join(root, 'sound', 'index', table));
  const place = await flipped(table, length >> 1, 3);
  const tables = await listTables(join(place, 'index'));
  const check = new TableCheck(tables, 0);
  expect(await check.first()).toBeUndefined();
  const { signal } = new AbortController();
  const after: After = (_ms, task) => {
    task();
    return () => {};
  };
  expect(await check.rest(signal, after)).toMatch(/\.ldb: the block at \d+ does not match its checksum$/);
  expect(await check.rest(signal, after)).toBeUndefined();
  expect(await new TableCheck(tables, 1).first()).toMatch(/does not match/);
  expect(await new TableCheck(tables, 0).rest(AbortSignal.abort(), after)).toBeUndefined();
});

test('a check that waits between two tables ends when it is told to', async () => {
  const place = await flipped('CURRENT', 0, 0);
  const [table] = await listTables(join(place, 'index'));
  const stop = new AbortController();
  const waiting = Promise.withResolvers<void>();
  const never: After = () => {
    waiting.resolve();
    return () => {};
  };
  const rest = new TableCheck([table!, table!], 0).rest(stop.signal, never);
  await waiting.promise;
  stop.abort();
  expect(await rest).toBeUndefined();
});

test('a table that was removed, or made anew under its name, is none of those that were listed', async () => {
  const place = await flipped('CURRENT', 0, 0);
  const [table] = await listTables(join(place, 'index'));
  await rename(table!.path, `${table!.path}.away`);
  expect(await damageOfTable(table!)).toBeUndefined();
  await writeFile(table!.path, 'another');
  expect(await damageOfTable(table!)).toBeUndefined();
  expect(await listTables(join(place, 'nowhere'))).toEqual([]);
});

test('damage that is found while an index serves ends that', async () => {
  const found = Promise.withResolvers<IndexDamaged | undefined>();
  const told: IndexDamaged[] = [];
  const index = await openEngine({
    openDatabase: async () => openMemoryDatabase(new MemoryRows()),
    inspect: () => found.promise,
    onDamage: (damage) => told.push(damage),
  });
  await write(index, [put('a', 'b')]);
  const damage = new IndexDamaged('a block is damaged');
  found.resolve(damage);
  await found.promise;
  await turns();
  await expect(index.get(key('a'))).rejects.toBe(damage);
  await expect(write(index, [put('a', 'c')])).rejects.toBe(damage);
  expect(told).toEqual([damage]);
  await index.close();
});
