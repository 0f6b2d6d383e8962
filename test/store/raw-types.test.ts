/** Content types of a store of release 0.1 are listed without their parameters, however often a start is stopped. */
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import type { Index } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import { backfill } from '../../src/store/backfill.ts';
import { inconsistencies } from '../support/naive.ts';
import { asRelease01, fillWithTypes, listedTypes } from '../support/raw-types.ts';
import { beginning, kinds, type Remains } from '../support/restart.ts';
import { openTestStore, type TestStore } from '../support/service.ts';
import { specOf, target, tester } from '../support/specs.ts';
import { TestTimers } from '../support/timers.ts';

/** One artifact of each of these types, named by its place. */
async function remainsOf01(kind: (typeof kinds)[number], types: readonly string[]): Promise<Remains> {
  const remains = await beginning(kind);
  onTestFinished(() => remains[Symbol.asyncDispose]());
  await using opened = await remains.open();
  await fillWithTypes(opened.store, types);
  await asRelease01(opened.index);
  return remains;
}

/** The index with its methods bound, but for those that are given instead. */
function altered(index: Index, methods: Partial<Index>): Index {
  return new Proxy(index, {
    get(real, property) {
      const value = Reflect.get(methods, property) ?? Reflect.get(real, property, real);
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}

async function asked({ store }: TestStore, filter: string) {
  const query = { oldestFirst: false, filter, pageSize: 5, pageToken: '', showGone: false };
  const wanted = { ...query, session: undefined, name: undefined, allVersions: false, estimatesTotal: true };
  const { total, explain } = await store.listing.artifacts(tester, wanted);
  return { total, driver: explain().driver };
}

it.each(kinds)('all are found, wherever it was stopped: %s', async (kind) => {
  const types = Array.from({ length: 1_200 }, (_, at) =>
    at % 2 === 0 ? `application/json; n=${at}` : 'application/json',
  );
  const remains = await remainsOf01(kind, ['text/plain;charset=utf-8', ...types, 'a/b; c=d']);
  let interruptions = 0;
  for (; interruptions < 10; interruptions++) {
    const { index } = await remains.parts();
    let left = 1;
    const limited = altered(index, {
      transact: (transaction) => {
        if (left-- === 0) throw new Error('killed');
        return index.transact(transaction);
      },
    });
    const outcome = await backfill(limited).then(
      () => 'ended',
      (error: Error) => error.message,
    );
    await index.close();
    if (outcome === 'ended') break;
    expect(outcome).toBe('killed');
  }
  // Two slices; the third time only the setting is left.
  expect(interruptions).toBe(2);
  await using opened = await remains.open();
  expect(await listedTypes(opened.index)).toEqual({ 'a/b': 1, 'application/json': 1_200, 'text/plain': 1 });
  expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  expect(await asked(opened, 'content_type = a/b')).toEqual({
    total: 1,
    driver: 'content_type = "a/b"',
  });
});

it('a removal takes away the row of either release', async () => {
  const remains = await remainsOf01('memory', ['a/b; n=0', 'a/b; n=1', 'a/b; n=2', 'a/b']);
  await using opened = await remains.open();
  // As if the rows had been written by that release once more since.
  await asRelease01(opened.index, true);
  const { store } = opened;
  await store.uploads.create(
    tester,
    specOf({ session: 's', name: 'n0', contentType: 'a/b' }),
    Buffer.from('other'),
  );
  await store.artifacts.delete(tester, target('s', 'n1'), undefined);
  expect(await listedTypes(opened.index)).toEqual({ 'a/b; n=2': 1, 'a/b': 2 });
  await store.artifacts.delete(tester, target('s', 'n0'), undefined);
  await store.artifacts.delete(tester, target('s', 'n3'), undefined);
  expect(await listedTypes(opened.index)).toEqual({ 'a/b; n=2': 1 });
});

it('what has no parameters is passed over, however much there is of it', async () => {
  const types = ['a/a; n=1', ...new Array<string>(4_000).fill('a/b'), 'a/c; n=2'];
  const remains = await remainsOf01('memory', types);
  const { index } = await remains.parts();
  let rows = 0;
  const counting = altered(index, {
    scan: async function* (range) {
      for await (const block of index.scan(range)) {
        rows += block.length;
        yield block;
      }
    },
  });
  await backfill(counting);
  expect(await listedTypes(index)).toEqual({ 'a/a': 1, 'a/b': 4_000, 'a/c': 1 });
  // Two blocks of the many, and the last one.
  expect(rows).toBeLessThanOrEqual(2_001);
  await index.close();
});

it('a start on a disk that takes no writes serves, finds all, and writes the rows when it can', async () => {
  const rows = new MemoryRows();
  const blobs = openMemoryBlobs();
  {
    await using opened = await openTestStore({ index: await openMemoryIndex({ rows }), blobs });
    await fillWithTypes(opened.store, ['a/b; n=0', 'a/b; n=1', 'a/b', 'c/d']);
    await asRelease01(opened.index);
  }
  let isFull = true;
  const index = await openMemoryIndex({ rows, failAt: () => (isFull ? 'unwritten' : undefined) });
  const timers = new TestTimers();
  await using opened = await openTestStore({ index, blobs, after: timers.after });
  expect(await asked(opened, 'content_type = a/b')).toEqual({ total: 3, driver: 'time' });
  expect(await asked(opened, 'NOT content_type = a/b')).toEqual({ total: 1, driver: 'time' });
  expect(await asked(opened, 'content_type = "a/b; n=1"')).toEqual({ total: 1, driver: 'time' });
  const epoch = index.nextEpoch();
  timers.advance(10_000);
  await epoch;
  expect(await listedTypes(opened.index)).toMatchObject({ 'a/b; n=0': 1 });
  isFull = false;
  await expect.poll(() => timers.count).toBe(1);
  timers.advance(10_000);
  await expect.poll(() => listedTypes(opened.index)).toEqual({ 'a/b': 3, 'c/d': 1 });
  await expect
    .poll(() => asked(opened, 'content_type = c/d'))
    .toMatchObject({
      driver: 'content_type = "c/d"',
    });
  expect(await asked(opened, 'content_type = a/b')).toEqual({
    total: 3,
    driver: 'content_type = "a/b"',
  });
  expect(await listedTypes(opened.index)).toEqual({ 'a/b': 3, 'c/d': 1 });
  expect(await inconsistencies(opened.index, blobs)).toEqual([]);
});
