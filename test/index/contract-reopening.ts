/** Clauses 4 and 5: what becomes of reads and transactions from a write that failed until the database is open again. */
import { expect, test } from 'vitest';
import { doorLimits, type Reader, type Snapshot } from '../../src/index/door.ts';
import { unwritten, written } from './faults.ts';
import {
  commitKey,
  everything,
  increment,
  key,
  look,
  type OpenRig,
  put,
  type Rig,
  rowsOf,
  text,
  turns,
  watch,
  write,
} from './support.ts';

const full = new Error('injected: IO error: 000003.log: No space left on device');
const unavailable = { reason: 'STORE_UNAVAILABLE', retryAfterMs: expect.any(Number) };

/** The rows a, b and c in every way in which they can be read. */
async function readsOf({ index }: Rig, snapshot: Snapshot): Promise<(string | undefined)[][]> {
  const names = ['a', 'b', 'c'];
  const byScan = async (reader: Reader) => {
    const found = new Map(await rowsOf(reader));
    return names.map((name) => found.get(name));
  };
  return await Promise.all([
    Promise.all(names.map(async (name) => text(await index.get(key(name))))),
    index.getMany(names.map(key)).then((found) => found.map(text)),
    byScan(index),
    byScan(snapshot),
    snapshot.getMany(names.map(key)).then((found) => found.map(text)),
  ]);
}

export function reopeningContract(open: OpenRig): void {
  failedHandle(open);
  reopening(open);
}

function failedHandle(open: OpenRig): void {
  test('4: a transaction that comes while the database is reopened waits for it', async () => {
    await using rig = await open();
    rig.faults.plan(unwritten);
    const second = increment(rig.index, 'a').catch(() => increment(rig.index, 'a'));
    expect(await second).toBe(1);
    expect(rig.index.epoch).toBe(2);
  });

  test('4 and 5: a write that failed ends no reads; they go on until the disk takes writes again', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), put('b', '1')]);
    rig.faults.plan(unwritten);
    rig.faults.failProbes(full, full);
    const before = rig.index.snapshot();
    await expect(write(rig.index, [put('a', '2'), put('c', '2')])).rejects.toMatchObject({
      ...unavailable,
      message: 'the outcome is unknown: the index could not be written: the disk refused the operation',
    });
    await turns();
    for (const round of [1, 2]) {
      expect(await readsOf(rig, before)).toEqual(Array(5).fill(['1', '1', undefined]));
      const refusal = {
        ...unavailable,
        message: 'cannot write: the disk is full; the index serves only reads until it can be written again',
      };
      await expect(increment(rig.index, 'a')).rejects.toMatchObject(refusal);
      await expect(look(rig.index, 'a')).rejects.toMatchObject(refusal);
      await expect(rig.index.compact(everything)).rejects.toMatchObject(refusal);
      expect(rig.index.trouble).toBe(refusal.message);
      expect([rig.index.epoch, rig.faults.batches]).toEqual([1, 2]);
      if (round === 2) await before[Symbol.asyncDispose]();
      await rig.timer.fireWhenDue(round * 100);
      await turns();
    }
    while (rig.index.trouble !== undefined) await turns(1);
    expect(rig.index.epoch).toBe(2);
    expect(await increment(rig.index, 'a')).toBe(2);
    expect(rig.faults.openResources).toBe(0);
  });

  test('4 and 5: a batch that failed and was written is seen whole or not at all', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), put('b', '1')]);
    rig.faults.plan(written);
    rig.faults.failProbes(full);
    await expect(write(rig.index, [put('a', '2'), put('b', '2')])).rejects.toMatchObject(unavailable);
    await turns();
    const found = await rowsOf(rig.index);
    expect(
      ['1', '2'].map((each) => [
        ['a', each],
        ['b', each],
      ]),
    ).toContainEqual(found);
    await rig.timer.fireWhenDue(100);
    while (rig.index.trouble !== undefined) await turns(1);
    expect(new Set((await rowsOf(rig.index)).map(([, content]) => content)).size).toBe(1);
  });

  test('5: what is being read ends before the database that failed is closed, if that does not take long', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1')]);
    const [short, long] = [rig.index.snapshot(), rig.index.snapshot()];
    rig.faults.plan(unwritten);
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    await turns();
    expect(text(await short.get(key('a')))).toBe('1');
    await short[Symbol.asyncDispose]();
    await turns();
    expect(rig.index.epoch).toBe(1);
    expect(text(await rig.index.get(key('a')))).toBe('1');
    // From now on those who come wait, and those who read have as long again.
    await rig.timer.fireWhenDue(doorLimits.readersEndMillisecondsMax);
    await turns();
    const late = watch(rig.index.get(key('a')));
    await turns();
    expect(late.state).toBe('pending');
    expect(text(await long.get(key('a')))).toBe('1');
    await rig.timer.fireWhenDue(doorLimits.readersEndMillisecondsMax);
    expect(await look(rig.index, 'a')).toBe('1');
    await late.settled;
    expect(text(late.value)).toBe('1');
    expect(rig.index.epoch).toBe(2);
    await expect(long.get(key('a'))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await long[Symbol.asyncDispose]();
  });
}

function reopening(open: OpenRig): void {
  test('5: while no database is open reads wait, and go first when there is one', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), put('b', '1')]);
    rig.faults.plan(unwritten);
    rig.faults.failOpening(1);
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    const epoch = rig.index.nextEpoch();
    const snapshot = rig.index.snapshot();
    const reads = watch(readsOf(rig, snapshot));
    await turns();
    expect(reads.state).toBe('pending');
    await rig.timer.fireWhenDue(100);
    await epoch;
    expect(await increment(rig.index, 'a')).toBe(2);
    await reads.settled;
    expect(reads.error).toBeUndefined();
    // Of those that are read one after another the later ones may see more.
    expect(reads.value![4]).toEqual(['1', '1', undefined]);
    await snapshot[Symbol.asyncDispose]();
    expect(rig.faults.openResources).toBe(0);
  });

  test('4 and 5: while reopening fails everything is refused in the end, and tried again later', async () => {
    const warnings: string[] = [];
    await using rig = await open({ warn: (message) => warnings.push(message) });
    await write(rig.index, [put('a', '1')]);
    rig.faults.plan(unwritten);
    rig.faults.failOpening(2);
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    // This one waits for the first attempt, the next is refused without.
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    await expect(look(rig.index, 'a')).rejects.toMatchObject(unavailable);
    const snapshot = rig.index.snapshot();
    const reads = [rig.index.get(key('a')), rowsOf(rig.index), snapshot.get(key('a'))].map((read) =>
      watch<unknown>(read),
    );
    await turns();
    expect(reads.map(({ state }) => state)).toEqual(Array(3).fill('pending'));
    rig.timer.fire(doorLimits.readWaitMillisecondsMax);
    await Promise.all(reads.map(({ settled }) => settled));
    expect(reads.map(({ error }) => error)).toEqual(Array(3).fill(expect.objectContaining(unavailable)));
    await snapshot[Symbol.asyncDispose]();
    expect(rig.index.epoch).toBe(1);
    await rig.timer.fireWhenDue(100);
    await turns();
    await expect(look(rig.index, 'a')).rejects.toMatchObject(unavailable);
    await rig.timer.fireWhenDue(200);
    while (rig.index.epoch === 1) await turns(1);
    expect(await increment(rig.index, 'a')).toBe(2);
    expect(text(await rig.index.get(key('a')))).toBe('2');
    expect(warnings.join('\n')).toContain('the index still cannot be written');
  });

  test('closing does not wait for those who read from a database that failed', async () => {
    await using rig = await open();
    const snapshot = rig.index.snapshot();
    rig.faults.plan(unwritten);
    await expect(increment(rig.index, 'a')).rejects.toMatchObject(unavailable);
    await turns();
    // It waits for the snapshot to end.
    await rig.index.close();
    await expect(rig.index.get(key('a'))).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await expect(snapshot.get(key('a'))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  });

  test('4: a database that comes back without an acknowledged commit is refused for good', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1')]);
    await write(rig.index, [put('a', '2')]);
    rig.faults.plan(async (_apply, database) => {
      await database.batch([{ type: 'del', key: commitKey(rig, 2) }]);
      throw new Error('injected: the tail is lost');
    });
    await expect(write(rig.index, [put('a', '3')])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await expect(look(rig.index, 'a')).rejects.toMatchObject({
      reason: 'DATA_LOSS',
      message: expect.stringMatching(/^the index lost commits 2(:|$)/),
    });
    await expect(rig.index.get(key('a'))).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    expect(rig.timer.pending).toBeLessThanOrEqual(1); // the mark's, none to try again
  });
}
