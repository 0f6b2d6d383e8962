/** Decisions of an engine whose reads take time: what may happen while they wait. */
import { expect, test } from 'vitest';
import type { Index, Tx } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { unwritten, written } from '../faults.ts';
import { openWaitingRig } from '../rigs.ts';
import { del, increment, key, look, put, type Rig, rowsOf, text, turns, watch, write } from '../support.ts';

/** Reads `first` in its first round and `then` in its second one. */
function readBoth(index: Index, first: readonly string[], then: readonly string[]) {
  return index.transact({
    ns: 'q',
    reads: first.map(key),
    *decide(tx) {
      const seen = first.map((name) => text(tx.value(key(name))));
      yield then.map(key);
      return [...seen, ...then.map((name) => text(tx.value(key(name))))];
    },
  });
}

/** Rows `a` to `c`, all `1` and durable; then a batch that sets `a` to `2`, removes `b` and waits. */
async function withBatchInFlight(rig: Rig) {
  await write(rig.index, [put('a', '1'), put('b', '1'), put('c', '1')]);
  const stalled = rig.faults.stall();
  const writing = watch(write(rig.index, [put('a', '2'), del('b')]));
  await stalled;
  return writing;
}

test('a batch that becomes durable while a decision waits for its first rows is still read', async () => {
  await using rig = await openWaitingRig();
  const writing = await withBatchInFlight(rig);
  const fetching = rig.faults.stallReads();
  const reading = readBoth(rig.index, ['a', 'b', 'c'], ['c']);
  await fetching;
  rig.faults.release();
  await writing.settled;
  rig.faults.releaseReads();
  expect(await reading).toEqual(['2', undefined, '1', '1']);
});

test('a batch that becomes durable while a decision waits for later rows is still read', async () => {
  await using rig = await openWaitingRig();
  const writing = await withBatchInFlight(rig);
  const fetching = rig.faults.stallReads();
  // What is in the batch need not be fetched with `c`, and is not in it any more when that comes.
  const reading = readBoth(rig.index, [], ['a', 'b', 'c']);
  await fetching;
  rig.faults.release();
  await writing.settled;
  rig.faults.releaseReads();
  expect(await reading).toEqual(['2', undefined, '1']);
});

test.each([
  ['is not written', unwritten, '1'],
  ['is written all the same', written, '2'],
])('a batch that fails while a decision waits has it begun anew: it %s', async (_how, fault, seen) => {
  await using rig = await openWaitingRig();
  rig.faults.plan(async (apply) => apply(), fault);
  const writing = await withBatchInFlight(rig);
  const begun = rig.index.stats.decisionsBegun;
  const fetching = rig.faults.stallReads();
  const reading = readBoth(rig.index, ['a'], ['c']);
  await fetching;
  rig.faults.release();
  await writing.settled;
  expect(writing.error).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  rig.faults.releaseReads();
  expect(await reading).toEqual([seen, '1']);
  expect(rig.index.stats.decisionsBegun - begun).toBe(2);
  expect(rig.index.epoch).toBe(2);
});

test('nobody passes a decision that waits, and the index closes when it has ended', async () => {
  await using rig = await openWaitingRig();
  await write(rig.index, [put('a', '1')]);
  const fetching = rig.faults.stallReads();
  const first = watch(increment(rig.index, 'a'));
  const second = watch(write(rig.index, [put('b', '1')]));
  await fetching;
  await turns();
  expect([first.state, second.state]).toEqual(['pending', 'pending']);
  const closed = watch(rig.index.close());
  await expect(look(rig.index, 'a')).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  await turns();
  expect(closed.state).toBe('pending');
  rig.faults.releaseReads();
  await closed.settled;
  expect([first.value, second.state]).toEqual([2, 'fulfilled']);
  await rig.reopen();
  expect(await rowsOf(rig.index)).toEqual([
    ['a', '2'],
    ['b', '1'],
  ]);
});

test('one query fetches what all that wait ask for first, and a row that is damaged fails those alone that read it', async () => {
  await using rig = await openWaitingRig();
  await write(rig.index, [put('a', '1'), put('b', '1'), put('c', '1')]);
  const { database } = rig.faults;
  const stored = Uint8Array.from((await database.getMany([key('b')]))[0]!);
  stored[stored.length - 1]! ^= 1;
  await database.batch([{ type: 'put', key: key('b'), value: stored }]);
  const fetching = rig.faults.stallReads();
  const looks = ['a', 'b', 'c', 'a'].map((name) => watch(look(rig.index, name)));
  await fetching;
  const queries = rig.faults.reads;
  rig.faults.releaseReads();
  for (const each of looks) await each.settled;
  expect(rig.faults.reads).toBe(queries);
  expect(looks.map(({ value }) => value)).toEqual(['1', undefined, '1', '1']);
  expect(looks[1]!.error).toMatchObject({ reason: 'DATA_LOSS' });
});

test('rows in memory are not fetched again, and are as the batches in flight leave them', async () => {
  await using rig = await openWaitingRig();
  const { policy } = keys.store;
  const count = (tx: Tx) => (tx.get(policy, 'a') as unknown as { n: number } | undefined)?.n ?? 0;
  const up = () =>
    rig.index.transact({
      ns: 'q',
      reads: [policy.key('a')],
      *decide(tx) {
        tx.put(policy, ['a'], { n: count(tx) + 1 } as never);
        return count(tx);
      },
    });
  for (let round = 1; round <= 3; round++) expect(await up()).toBe(round);
  const { reads } = rig.faults;
  const stalled = rig.faults.stall();
  const first = watch(up());
  await stalled;
  const second = watch(up());
  await turns();
  rig.faults.release();
  await first.settled;
  await second.settled;
  expect([first.value, second.value, await up()]).toEqual([4, 5, 6]);
  expect(rig.faults.reads).toBe(reads);
  rig.faults.plan(unwritten);
  await expect(up()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(await up()).toBe(7);
});
