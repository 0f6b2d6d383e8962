/** The same over the real code: pushes, deletions, reads and collections, interleaved wherever one of them waits. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openGcsBlobs } from '../../src/blobs/gcs/blobs.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { Failure, failedWith } from '../../src/domain/errors.ts';
import { keys } from '../../src/index/keys.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import { day, hour, Rig, unbounded } from '../store/upkeep/collection-rig.ts';
import { someBytes } from '../support/calls.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import { inconsistencies } from '../support/naive.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { startOfTime } from '../support/service.ts';
import { DirectClient } from './direct-client.ts';
import { interleavedBlobs, interleavedIndex } from './interleaving.ts';

const seed = 20_261_123;

/** Two that are files and one that is in the index, and two that only direct uploads have. */
const contents = [
  someBytes(200, 1),
  someBytes(300, 2),
  Buffer.from('small'),
  someBytes(250, 3),
  someBytes(350, 4),
];
/** What time may pass in one run. */
const passedMsMax = 18 * hour;

type Op =
  | { readonly kind: 'push'; readonly content: number }
  | { readonly kind: 'delete' | 'read'; readonly which: number }
  | { readonly kind: 'direct'; readonly content: number; readonly ends: number; readonly lateAfter: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'collect'; readonly items: number; readonly findOrphans: boolean };

const usual: readonly fc.WeightedArbitrary<Op>[] = [
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('push' as const), content: fc.constantFrom(0, 0, 0, 1, 2) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), which: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('collect' as const),
      items: fc.constantFrom(1, 2, 100),
      findOrphans: fc.boolean(),
    }),
  },
];

/** Direct uploads, and time up to the first sweep of what they leave: no file becomes old enough for an orphan. */
const ofDirect: readonly fc.WeightedArbitrary<Op>[] = [
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('direct' as const),
      content: fc.constantFrom(0, 1, 3, 4),
      ends: fc.constantFrom(0, 1, 2, 2),
      lateAfter: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(hour + 1, 5 * hour) }),
  },
];

/** Each begins when others have been on their way for a while. */
const opsOf = (some: readonly fc.WeightedArbitrary<Op>[]) =>
  fc.array(fc.record({ op: fc.oneof(...some), after: fc.nat(12) }), { minLength: 6, maxLength: 20 });

/** Contents in memory, or in a bucket below a prefix of their own. */
type OpenBlobs = (now: () => number) => Promise<BlobStore>;

const inMemory: OpenBlobs = async (now) => openMemoryBlobs({ now });

let fake: FakeGcs;
const opened = new AsyncDisposableStack();
beforeAll(async () => {
  fake = opened.use(await FakeGcs.open());
});
afterAll(() => opened.disposeAsync());

let places = 0;
const inBucket: OpenBlobs = async (now) => {
  fake.buckets.now = now;
  const address = { bucket: 'bucket', prefix: `place-${++places}` };
  const blobs = opened.use(await openGcsBlobs({ address, endpoint: fake.endpoint }));
  await blobs.claimFor('store1');
  return blobs;
};

async function open(scheduler: fc.Scheduler, openBlobs: OpenBlobs) {
  let isInterleaved = false;
  const turn = async (what: string) => {
    if (isInterleaved) await scheduler.schedule(Promise.resolve(), what);
  };
  const clock = { now: startOfTime };
  const rows = new MemoryRows();
  const blobs = await openBlobs(() => clock.now);
  const index = await openMemoryIndex({ rows, clock: () => clock.now });
  const store = await openCheckedStore({
    index: interleavedIndex(index, turn),
    blobs: interleavedBlobs(blobs, turn),
    inlineBytesMax: 64,
    graces: { dedupMs: 0, readMs: 0 },
  });
  const rig = new Rig(
    { store, index, blobs, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() },
    rows,
    clock,
  );
  return {
    rig,
    turn,
    interleave: async (work: () => Promise<unknown>) => {
      isInterleaved = true;
      await scheduler.waitFor(work());
      isInterleaved = false;
    },
  };
}

/** What is not there, or not any more, is no fault. */
async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Failure && /NOT_FOUND|DELETED/.test(error.reason)) return undefined;
    throw error;
  }
}

/** When all times have passed, what nothing refers to is gone, and nothing waits. */
async function expectNothingElse(rig: Rig, direct: DirectClient): Promise<void> {
  rig.clock.now += day;
  await rig.drain(true);
  rig.clock.now += 1;
  await rig.drain();
  if (direct.count > 0) {
    rig.clock.now += 8 * day;
    await rig.drain();
    await direct.expectAll();
  }
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  expect(await rig.count(keys.blobs.maybeFree)).toBe(0);
  expect(await rig.count(keys.blobs.condemned)).toBe(0);
  const named = (await rig.all(keys.blobs.record)).flatMap(({ value }) => value.name ?? []);
  expect((await rig.files()).sort()).toEqual(named.sort());
  expect(await rig.store.pauses.current()).toEqual([]);
}

it.each([
  ['in memory', inMemory, 300, usual],
  ['in a bucket', inBucket, 12, usual],
  ['in a bucket with direct uploads', inBucket, 8, [...usual, ...ofDirect]],
] as const)(
  `I8, I9, I10, I15 hold however pushes, deletions and collections are interleaved, %s (seed ${seed})`,
  async (_where, openBlobs, numRuns, some) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), opsOf(some), async (scheduler, planned) => {
        const all = planned.map(({ op }) => op);
        const { rig, interleave, turn } = await open(scheduler, openBlobs);
        await using _store = rig.test;
        const pushes = all.filter((op) => op.kind === 'push');
        const deleted = new Set(all.flatMap((op) => (op.kind === 'delete' ? [op.which] : [])));
        // Something to collect is there from the beginning.
        const push = async (at: number) => {
          await rig.push(`n${at}`, contents[pushes[at]!.content]!).catch((error: unknown) => {
            // More than half a day has passed since its file was written.
            if (rig.clock.now === startOfTime || !failedWith(error, 'STORE_UNAVAILABLE')) throw error;
          });
        };
        const direct = new DirectClient(rig, turn);
        const pass = (ms: number) => {
          rig.clock.now = Math.min(rig.clock.now + ms, startOfTime + passedMsMax);
        };
        for (const at of pushes.keys()) if (at < 2) await push(at);
        const run = async (op: Op) => {
          switch (op.kind) {
            case 'push':
              return pushes.indexOf(op) < 2 ? undefined : await push(pushes.indexOf(op));
            case 'delete':
              return await orNothing(rig.remove(`n${op.which}`));
            case 'read': {
              // What is being deleted may go while it is read: nobody waits for readers here.
              if (deleted.has(op.which)) return undefined;
              const bytes = await orNothing(rig.read(`n${op.which}`));
              if (bytes !== undefined)
                expect(bytes).toEqual(Buffer.from(contents[pushes[op.which]!.content]!));
              return bytes;
            }
            case 'collect': {
              const { items: limit, findOrphans } = op;
              return await rig.store.collection.collect({ ...unbounded, limit }, { findOrphans });
            }
            case 'direct':
              // The first sweep of the name meets its ends.
              return await direct.push(contents[op.content]!, op.ends, async () => {
                for (let turns = 0; turns < op.lateAfter; turns++) await turn('waits');
                pass(12 * hour + 1);
                await rig.collect();
              });
            case 'pass':
              return pass(op.ms);
          }
        };
        await interleave(() =>
          Promise.all(
            planned.map(async ({ op, after }) => {
              for (let turns = 0; turns < after; turns++) await turn('waits');
              return await run(op);
            }),
          ),
        );

        for (const [at, { content }] of pushes.entries()) {
          const bytes = await orNothing(rig.read(`n${at}`));
          if (bytes === undefined) expect(deleted.has(at) || rig.clock.now > startOfTime).toBe(true);
          else expect(bytes).toEqual(Buffer.from(contents[content]!));
        }
        await direct.expectAll();
        await expectNothingElse(rig, direct);
      }),
      { seed, numRuns },
    );
  },
  120_000,
);
