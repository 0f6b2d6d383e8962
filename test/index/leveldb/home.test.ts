/** What opens an index, salvages one and replaces one: on LevelDB and in memory. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { IndexDamaged } from '../../../src/index/damage.ts';
import type { Examined } from '../../../src/index/door.ts';
import { LevelHome } from '../../../src/index/leveldb/home.ts';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { openMemoryDatabase } from '../../../src/index/memory/memory.ts';
import {
  entries,
  filled,
  homeContract,
  type Place,
  replaceWith,
  salvaged,
  unexpected,
  using,
} from '../home-contract.ts';
import { ManualTimer, put, rowsOf, text, write } from '../support.ts';

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

homeContract('on LevelDB', levelPlace);
homeContract('in memory', memoryPlace);

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
