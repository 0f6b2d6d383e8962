/**
 * Clauses 3 and 4: no answer before what it rests on is durable, and what happens when it cannot be made so.
 *
 * That these tests can fail was seen by letting `Engine.run` settle at once what writes nothing, and separately what
 * `decide` threw: each time both tests below that look at readers went red, with both engines.
 */
import { expect, test } from 'vitest';
import { Failure, type Reason } from '../../src/domain/errors.ts';
import { doorLimits } from '../../src/index/door.ts';
import { Batch } from '../../src/index/engine/batch.ts';
import { commitWrite, ringSlots } from '../../src/index/engine/commits.ts';
import { unwritten, written } from './faults.ts';
import {
  commitKey,
  decide,
  increment,
  key,
  look,
  type OpenRig,
  put,
  type Rig,
  rowsOf,
  text,
  turns,
  type Watched,
  watch,
  write,
} from './support.ts';

function states(watched: readonly Watched<unknown>[]): string[] {
  return watched.map(({ state }) => state);
}

function reasons(watched: readonly Watched<unknown>[]): (Reason | undefined)[] {
  return watched.map(({ error }) => (error instanceof Failure ? error.reason : undefined));
}

/** Everything that can rest on the row `a` without writing. */
function readersOfA(rig: Rig): Watched<unknown>[] {
  return [
    look(rig.index, 'a'),
    decide(rig.index, ['a'], ([found]) => {
      throw new Failure('SESSION_SEALED', `refused because of ${found}`);
    }),
    decide(rig.index, ['a'], ([found]) => {
      throw new TypeError(`a bug because of ${found}`);
    }),
    look(rig.index, 'absent'),
  ].map((promise) => watch<unknown>(promise));
}

export function durabilityContract(open: OpenRig): void {
  waiting(open);
  failing(open);
  restarting(open);
}

function waiting(open: OpenRig): void {
  test('3: duplicates, refusals and reads wait for the batch in flight that they may have read', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const writer = watch(write(rig.index, [put('a', '1')]));
    await stalled;
    const readers = readersOfA(rig);
    await turns();
    expect(rig.index.stats.transactions).toBe(5);
    expect(states([writer, ...readers])).toEqual(Array(5).fill('pending'));
    rig.faults.release();
    await Promise.all([writer, ...readers].map(({ settled }) => settled));
    expect(states([writer, ...readers])).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(readers[0]!.value).toBe('1');
    expect(readers[1]!.error).toMatchObject({ reason: 'SESSION_SEALED', message: 'refused because of 1' });
    expect(readers[2]!.error).toBeInstanceOf(TypeError);
  });

  test('3: they wait for the batch that still gathers, and that for the one before it', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const first = watch(write(rig.index, [put('x', '1')]));
    await stalled;
    const second = watch(write(rig.index, [put('a', '2')]));
    const readers = readersOfA(rig);
    await turns();
    expect(rig.index.stats.transactions).toBe(6);
    const stalledAgain = rig.faults.releaseOne();
    await first.settled;
    await stalledAgain;
    await turns();
    expect(rig.faults.batches).toBe(2);
    expect(states([second, ...readers])).toEqual(Array(5).fill('pending'));
    rig.faults.release();
    await Promise.all([second, ...readers].map(({ settled }) => settled));
    expect(readers[0]!.value).toBe('2');
  });

  test('3: with nothing under way a transaction that writes nothing costs no batch', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1')]);
    rig.faults.stall();
    expect(await look(rig.index, 'a')).toBe('1');
    expect(rig.faults.batches).toBe(1);
  });
}

function failing(open: OpenRig): void {
  test('4: when a batch fails, all that wrote to it or could have read it reject, and it is gone', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '0'), put('kept', '0')]);
    const stalled = rig.faults.stall();
    rig.faults.plan(unwritten);
    const writers = [put('a', '1'), put('b', '1')].map((each) => watch(write(rig.index, [each])));
    await stalled;
    const readers = readersOfA(rig);
    await turns();
    rig.faults.release();
    await Promise.all([...writers, ...readers].map(({ settled }) => settled));
    expect(reasons([...writers, ...readers])).toEqual(Array(6).fill('STORE_UNAVAILABLE'));
    expect((writers[0]!.error as Failure).retryAfterMs).toBeGreaterThan(0);
    expect(await look(rig.index, 'a')).toBe('0');
    expect(rig.index.epoch).toBe(2);
    expect(rig.index.stats.reopens).toBe(1);
    expect(await rowsOf(rig.index)).toEqual([
      ['a', '0'],
      ['kept', '0'],
    ]);
    expect(await increment(rig.index, 'a')).toBe(1);
  });

  test('4: a batch that fails may have been written all the same, then whole', async () => {
    await using rig = await open();
    rig.faults.plan(written);
    await expect(write(rig.index, [put('a', '1'), put('b', '1')])).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
    });
    expect(await look(rig.index, 'a')).toBe('1');
    expect(text(await rig.index.get(key('b')))).toBe('1');
    expect(rig.index.epoch).toBe(2);
    // The ring of commits goes on behind the one whose outcome was unknown, so that its loss would show.
    await write(rig.index, [put('c', '1')]);
    expect((await rig.faults.database.getMany([commitKey(rig, 2)]))[0]).toBeDefined();
    await rig.reopen();
    expect((await rowsOf(rig.index)).map(([name]) => name)).toEqual(['a', 'b', 'c']);
  });

  test('4: the batch that gathers behind a failing one fails with it', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    rig.faults.plan(unwritten);
    const first = watch(increment(rig.index, 'a'));
    await stalled;
    const second = watch(increment(rig.index, 'a'));
    const reader = watch(look(rig.index, 'a'));
    await turns();
    rig.faults.release();
    await Promise.all([first, second, reader].map(({ settled }) => settled));
    expect(reasons([first, second, reader])).toEqual(Array(3).fill('STORE_UNAVAILABLE'));
    expect(await increment(rig.index, 'a')).toBe(1);
  });

  test('4: what had not run stays in its queue and runs on what is left', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    rig.faults.plan(unwritten);
    const first = watch(increment(rig.index, 'a'));
    await stalled;
    const full = watch(write(rig.index, [put('big', 'x'.repeat(doorLimits.batchBytesMax))]));
    const behind = watch(increment(rig.index, 'a'));
    await turns();
    expect(rig.index.stats.transactions).toBe(2);
    rig.faults.release();
    await Promise.all([first, full, behind].map(({ settled }) => settled));
    expect(reasons([first, full, behind])).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', undefined]);
    expect(behind.value).toBe(1);
    expect(await rowsOf(rig.index)).toEqual([['a', '1']]);
  });
}

function restarting(open: OpenRig): void {
  test('3: what was acknowledged survives a crash, what was stalled does not', async () => {
    await using rig = await open();
    for (let round = 0; round < 5; round++) await increment(rig.index, 'a');
    const stalled = rig.faults.stall();
    const lost = watch(write(rig.index, [put('b', '1'), put('c', '1')]));
    await stalled;
    await rig.crash();
    await lost.settled;
    expect(reasons([lost])).toEqual(['STORE_UNAVAILABLE']);
    expect(await rowsOf(rig.index)).toEqual([['a', '5']]);
    expect(rig.index.epoch).toBe(1);
  });

  test('closing finishes what was accepted and refuses what comes after', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const accepted = [1, 2, 3].map(() => watch(increment(rig.index, 'a')));
    await stalled;
    accepted.push(watch(increment(rig.index, 'a')));
    const closed = watch(rig.index.close());
    await expect(look(rig.index, 'a')).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await turns();
    expect(states([...accepted, closed])).toEqual(Array(5).fill('pending'));
    rig.faults.release();
    await closed.settled;
    expect(closed.error).toBeUndefined();
    expect(accepted.map((each) => each.value)).toEqual([1, 2, 3, 4]);
    await rig.index.close();
    await expect(rig.index.get(key('a'))).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await rig.reopen();
    expect(await look(rig.index, 'a')).toBe('4');
  });

  test('closing while a batch fails still ends', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    rig.faults.plan(unwritten);
    rig.faults.failOpening(1);
    const writer = watch(increment(rig.index, 'a'));
    await stalled;
    const closed = rig.index.close();
    rig.faults.release();
    await closed;
    await writer.settled;
    expect(reasons([writer])).toEqual(['STORE_UNAVAILABLE']);
  });

  test('the commits of more batches than the ring has slots are found contiguous', async () => {
    await using rig = await open();
    const { database } = rig.faults;
    const before = Array.from({ length: ringSlots - 3 }, (_, at) => at + 1);
    const commits = before.map((seq) => commitWrite({ seq, epoch: 1, time: 0 }, rig.ring));
    await database.batch(new Batch().encoded(...commits));
    await rig.reopen();
    for (let round = 1; round <= 8; round++) expect(await increment(rig.index, 'a')).toBe(round);
    await rig.crash();
    expect(await increment(rig.index, 'a')).toBe(9);
    await rig.faults.database.batch([{ type: 'del', key: commitKey(rig, ringSlots - 1) }]);
    await expect(rig.reopen()).rejects.toMatchObject({ message: 'the index lost commits 1023' });
  });
}
