/** What opens an index, salvages one and replaces one: on LevelDB and in memory. */
import { Buffer } from 'node:buffer';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { IndexDamaged } from '../../../src/index/damage.ts';
import type { Examined, Index } from '../../../src/index/door.ts';
import type { Database } from '../../../src/index/engine/database.ts';
import type { IndexHome } from '../../../src/index/home.ts';
import { keys } from '../../../src/index/keys.ts';
import { LevelHome } from '../../../src/index/leveldb/home.ts';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import type { Entry } from '../../../src/index/row.ts';
import { key, ManualTimer, put, rowsOf, text, value, write } from '../support.ts';

interface Place {
  readonly home: IndexHome;
  /** Another that looks at the same index, as another process would. */
  another(): IndexHome;
  /** What is stored, beneath everything; the index must be closed. */
  database(): Promise<Database>;
  readonly directory?: string;
}

const unexpected = (damage: IndexDamaged) => expect.unreachable(damage.message);

async function levelPlace(): Promise<Required<Place>> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-home-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const directory = join(root, 'index');
  const another = () =>
    new LevelHome({ directory, markPath: join(root, 'mark'), after: new ManualTimer().after });
  return { home: another(), another, database: () => openLevelDatabase(directory), directory };
}

async function memoryPlace(): Promise<Place> {
  const home = new MemoryHome({ after: new ManualTimer().after });
  return { home, another: () => home, database: async () => openMemoryDatabase(home.rows) };
}

async function filled(place: Place, commits: number): Promise<void> {
  const index = await place.home.open(unexpected);
  for (let commit = 1; commit <= commits; commit++)
    await write(index, [put(`row-${String(commit).padStart(4, '0')}`, 'x'.repeat(200))]);
  await index.close();
}

const entries = (...names: string[]): Entry[] => names.map((name) => [key(name), value(name)]);

async function replaceWith(home: IndexHome, rows: Entry[], seq: number): Promise<void> {
  await using replacement = await home.replace();
  await replacement.put(rows);
  await replacement.adopt({ seq, time: 5_000 });
}

async function salvaged(home: IndexHome): Promise<{ seq: number; rows: Examined[] }> {
  await using salvage = await home.salvage();
  const rows: Examined[] = [];
  for await (const block of salvage.rows()) rows.push(...block);
  return { seq: salvage.newest.seq, rows };
}

async function using<T>(index: Index, work: (index: Index) => Promise<T>): Promise<T> {
  try {
    return await work(index);
  } finally {
    await index.close();
  }
}

describe.each([
  ['on LevelDB', levelPlace],
  ['in memory', memoryPlace],
])('the home of an index %s', (_name, makePlace) => {
  test('a replacement takes the place of the old index, and goes on after its commits', async () => {
    const place = await makePlace();
    await filled(place, 7);
    await replaceWith(place.home, entries('a', 'b'), 7);
    const index = await place.another().open(unexpected);
    expect(await rowsOf(index)).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
    expect(index.now()).toBeGreaterThanOrEqual(5_000);
    await write(index, [put('c', 'c')]);
    await index.close();
    expect((await salvaged(place.home)).seq).toBe(9);
  });

  test('the ring of commits is complete again after it went round, and not before', async () => {
    const place = await makePlace();
    await replaceWith(place.home, [], 4_000);
    for (const [commits, newest] of [
      [3, 4_004],
      [1_030, 5_034],
    ] as const) {
      await filled(place, commits);
      expect((await salvaged(place.home)).seq).toBe(newest);
      const database = await place.database();
      const gone = keys.store.commit.key((newest - 1) % 1_024);
      const kept = (await database.getMany([gone]))[0]!;
      await database.batch([{ type: 'del', key: gone }]);
      await database.close();
      await expect(place.another().open(unexpected)).rejects.toMatchObject({
        loss: { firstCommit: newest - 1, lastCommit: newest },
      });
      const again = await place.database();
      await again.batch([{ type: 'put', key: gone, value: kept }]);
      await again.close();
    }
  });

  test('a replacement that is not adopted leaves no trace; only one is begun at a time', async () => {
    const place = await makePlace();
    await filled(place, 2);
    {
      await using replacement = await place.home.replace();
      await replacement.put(entries('a'));
      const taken = { reason: 'STORE_UNAVAILABLE', metadata: { lock: 'held' } };
      await expect(place.home.replace()).rejects.toMatchObject(taken);
      await expect(place.another().replace()).rejects.toMatchObject(taken);
      await expect(replacement.put([[keys.store.commit.key(3), value('x')]])).rejects.toThrow(RangeError);
    }
    await using(await place.home.open(unexpected), async (index) => {
      expect((await rowsOf(index)).map(([name]) => name)).toEqual(['row-0001', 'row-0002']);
    });
    await replaceWith(place.home, entries('a'), 2);
    if (place.directory !== undefined)
      expect((await readdir(join(place.directory, '..'))).sort()).toEqual(['index', 'mark']);
  });

  test('who comes while the last one leaves is let in', async () => {
    const place = await makePlace();
    await filled(place, 2);
    // The leaving takes several turns of the event loop; each of them is a moment to come.
    for (let turns = 0; turns < 24; turns++) {
      const leaving = (await place.home.salvage())[Symbol.asyncDispose]();
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      const replacement = await place.home.replace();
      await leaving;
      await replacement.put(entries('a'));
      await replacement[Symbol.asyncDispose]();
    }
    if (place.directory !== undefined)
      expect((await readdir(join(place.directory, '..'))).sort()).toEqual(['index', 'mark']);
  });

  test('what can be read of a damaged index is salvaged, and what cannot is named', async () => {
    const place = await makePlace();
    await filled(place, 5);
    const database = await place.database();
    const stored = Uint8Array.from((await database.getMany([key('row-0003')]))[0]!);
    stored[9]! ^= 4;
    await database.batch([
      { type: 'put', key: key('row-0003'), value: stored },
      { type: 'del', key: keys.store.commit.key(2) },
    ]);
    await database.close();
    await expect(place.home.open(unexpected)).rejects.toBeInstanceOf(IndexDamaged);
    const { seq, rows } = await salvaged(place.home);
    expect(seq).toBe(5);
    expect(rows.map((row) => [row.kind, Buffer.from(row.key).toString('latin1').slice(1)])).toEqual([
      ['row', 'row-0001'],
      ['row', 'row-0002'],
      ['damaged', 'row-0003'],
      ['row', 'row-0004'],
      ['row', 'row-0005'],
    ]);
    // Salvaging has changed nothing.
    await expect(place.home.open(unexpected)).rejects.toBeInstanceOf(IndexDamaged);
  });
});

/** A place with 60 rows in a table and 20 in the log. */
async function withTable(): Promise<Required<Place>> {
  const place = await levelPlace();
  for (const first of [1, 31, 61]) {
    const index = await place.home.open(unexpected);
    for (let at = first; at < Math.min(first + 30, 81); at++)
      await write(index, [put(`row-${String(at).padStart(4, '0')}`, `${Math.sin(at)}`.repeat(8))]);
    await index.close();
  }
  return place;
}

/** The newest such file: an older table may be out of use, and still there. */
async function fileOf(place: Required<Place>, pattern: RegExp): Promise<string> {
  const names = (await readdir(place.directory)).filter((name) => pattern.test(name));
  return join(place.directory, names.sort().at(-1)!);
}

const sound = (rows: readonly Examined[]) =>
  rows.filter((row) => row.kind === 'row').map((row) => text(row.key)!.slice(1));

test.each([/^CURRENT$/, /^MANIFEST/])(
  'an index without %s is salvaged from its tables and logs',
  async (pattern) => {
    const place = await withTable();
    await rm(await fileOf(place, pattern));
    const before = await readdir(place.directory);
    await expect(place.home.open(unexpected)).rejects.toBeInstanceOf(IndexDamaged);
    const { seq, rows } = await salvaged(place.home);
    expect(seq).toBe(80);
    expect(sound(rows)).toHaveLength(80);
    expect(
      rows.every(
        (row) =>
          row.kind !== 'row' || `${Math.sin(Number(text(row.key)!.slice(5)))}`.repeat(8) === text(row.value),
      ),
    ).toBe(true);
    expect(await readdir(place.directory)).toEqual(before);
  },
);

test('a table with a block that cannot be read loses that block', async () => {
  const place = await withTable();
  const path = await fileOf(place, /\.ldb$/);
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  for (let at = middle; at < middle + 100; at++) bytes[at]! ^= 0xff;
  await writeFile(path, bytes);
  // Whether our check or LevelDB itself meets it first depends on what the blocks hold.
  await expect(place.home.open(unexpected)).rejects.toBeInstanceOf(IndexDamaged);
  const { rows } = await salvaged(place.home);
  const names = sound(rows);
  expect(names.length).toBeLessThan(80);
  expect(names).toContain('row-0080');
  expect(new Set(names).size).toBe(names.length);
});

describe('an exchange that was cut short', () => {
  async function staged(): Promise<{ place: Required<Place>; rebuild: string }> {
    const place = await levelPlace();
    await filled(place, 3);
    const rebuild = `${place.directory}.rebuild`;
    const source = await levelPlace();
    await replaceWith(source.home, entries('a'), 3);
    await mkdir(rebuild);
    await rename(source.directory, join(rebuild, 'new'));
    return { place, rebuild };
  }

  const namesIn = async (place: Required<Place>) =>
    await using(await place.another().open(unexpected), async (index) =>
      (await rowsOf(index)).map(([name]) => name),
    );

  test('before the replacement was complete: the old index stays', async () => {
    const { place, rebuild } = await staged();
    expect(await namesIn(place)).toEqual(['row-0001', 'row-0002', 'row-0003']);
    await expect(readdir(rebuild)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each(['before', 'between', 'after'])('%s the renames: the next to open it finishes', async (when) => {
    const { place, rebuild } = await staged();
    await writeFile(join(rebuild, 'complete'), '');
    if (when !== 'before') await rename(place.directory, join(rebuild, 'old'));
    if (when === 'after') await rename(join(rebuild, 'new'), place.directory);
    expect(await namesIn(place)).toEqual(['a']);
    await expect(readdir(rebuild)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await namesIn(place)).toEqual(['a']);
  });
});
