/** What opens an index, salvages one and replaces one: the same for every engine. */
import { Buffer } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IndexDamaged } from '../../src/index/damage.ts';
import type { Examined, Index } from '../../src/index/door.ts';
import type { Database } from '../../src/index/engine/database.ts';
import type { IndexHome } from '../../src/index/home.ts';
import { keys } from '../../src/index/keys.ts';
import type { Entry } from '../../src/index/row.ts';
import { key, put, rowsOf, value, write } from './support.ts';

/** The place of one index. */
export interface Place {
  readonly home: IndexHome;
  /** Another that looks at the same index, as another process would. */
  another(): IndexHome;
  /** What is stored, beneath everything; the index must be closed. */
  database(): Promise<Database>;
  readonly directory?: string;
}

export const unexpected = (damage: IndexDamaged) => expect.unreachable(damage.message);

export async function filled(place: Place, commits: number): Promise<void> {
  const index = await place.home.open(unexpected);
  for (let commit = 1; commit <= commits; commit++)
    await write(index, [put(`row-${String(commit).padStart(4, '0')}`, 'x'.repeat(200))]);
  await index.close();
}

export const entries = (...names: string[]): Entry[] => names.map((name) => [key(name), value(name)]);

export async function replaceWith(home: IndexHome, rows: Entry[], seq: number): Promise<void> {
  await using replacement = await home.replace();
  await replacement.put(rows);
  await replacement.adopt({ seq, time: 5_000 });
}

export async function salvaged(home: IndexHome): Promise<{ seq: number; rows: Examined[] }> {
  await using salvage = await home.salvage();
  const rows: Examined[] = [];
  for await (const block of salvage.rows()) rows.push(...block);
  return { seq: salvage.newest.seq, rows };
}

export async function using<T>(index: Index, work: (index: Index) => Promise<T>): Promise<T> {
  try {
    return await work(index);
  } finally {
    await index.close();
  }
}

export function homeContract(name: string, makePlace: () => Promise<Place>): void {
  describe(`the home of an index ${name}`, () => {
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

    test('of rows of one key that a replacement gets, the last one counts', async () => {
      const place = await makePlace();
      await using replacement = await place.home.replace();
      await replacement.put([...entries('a', 'b'), [key('a'), value('2')]]);
      await replacement.put([[key('b'), value('3')]]);
      await replacement.adopt({ seq: 0, time: 0 });
      await using(await place.home.open(unexpected), async (index) => {
        expect(await rowsOf(index)).toEqual([
          ['a', '2'],
          ['b', '3'],
        ]);
      });
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
}
