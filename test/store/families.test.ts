/** Whatever is done, every family of the index holds exactly what the records say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textOf } from '../../src/index/bytes.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { ManualTimer } from '../index/support.ts';
import { inconsistencies } from '../support/naive.ts';
import { beginning } from '../support/restart.ts';
import { openTestStore, startOfTime } from '../support/service.ts';
import { sessionNamed, tester } from '../support/specs.ts';
import { actions, attempt, type Faults, type World } from './actions.ts';

const seeds = [20_261_122, 7, 4_093_082_899];

async function openWorld() {
  const clock = { now: startOfTime };
  const faults: Faults = {};
  const index = await openMemoryIndex({
    clock: () => clock.now,
    failAt: () => {
      const { next } = faults;
      faults.next = undefined;
      return next;
    },
  });
  // What could not be sealed is tried again by a step, not at an instant of its own choosing.
  const opened = await openTestStore({ index, after: new ManualTimer().after });
  return { ...opened, clock, faults };
}

describe.each(seeds)('the families of the index, with the seed %i', (seed) => {
  it('agree with the records, step after step', async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (all) => {
        await using world = await openWorld();
        for (const [at, step] of all.entries()) {
          await attempt(step, world);
          if (at % 8 !== 7 && at !== all.length - 1) continue;
          await settled(world);
          expect(await inconsistencies(world.index, world.blobs, { orphans: true })).toEqual([]);
        }
        expect(world.blobs.stagedCount).toBe(0);
      }),
      { seed, numRuns: 100 },
    );
  });

  it('agree with the records when actions run at once', async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (all) => {
        await using world = await openWorld();
        await Promise.all(all.map((step) => attempt(step, world)));
        await settled(world);
        expect(await inconsistencies(world.index, world.blobs, { orphans: true })).toEqual([]);
        expect(world.blobs.stagedCount).toBe(0);
      }),
      { seed, numRuns: 100 },
    );
  });

  it('leave no file that no row names when no write fails', async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (all) => {
        await using opened = await openTestStore();
        await Promise.all(all.map((step) => attempt(step, { ...opened, faults: {} })));
        expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
      }),
      { seed, numRuns: 50 },
    );
  });
});

it.each(seeds)('on disk everything is still there after a restart, with the seed %i', async (seed) => {
  await fc.assert(
    fc.asyncProperty(actions, async (all) => {
      await using remains = await beginning('disk');
      const opened = await remains.open();
      const world: World = { ...opened, faults: {} };
      for (const step of all) await attempt(step, world);
      const before = await dump(opened.index);
      await opened[Symbol.asyncDispose]();

      await using again = await remains.open();
      expect(await dump(again.index)).toEqual(before);
      expect(await inconsistencies(again.index, again.blobs)).toEqual([]);
    }),
    { seed, numRuns: 2 },
  );
});

/** After a failed write the index is being reopened, and a transaction waits for that. */
async function settled({ store, faults }: World): Promise<void> {
  faults.next = undefined;
  await store.sessions.open(tester, sessionNamed('last'));
}

/** Every row but the ring of commits, which grows by itself, and the mark of a store that is open. */
async function dump(index: Index): Promise<string[]> {
  const { code } = keys.store.commit;
  const mark = textOf(keys.store.setting.key('filesUnderWay'));
  const rows: string[] = [];
  for await (const block of index.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))
    for (const [key, value] of block)
      if (key[0] !== code && textOf(key) !== mark)
        rows.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
  return rows;
}
