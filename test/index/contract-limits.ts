/** Limits: what is too much for a transaction is a bug and throws, what is too much for the queue is `OVERLOADED`. */
import { expect, test } from 'vitest';
import { doorLimits } from '../../src/index/door.ts';
import { key, look, type OpenRig, put, rowsOf, turns, watch, write } from './support.ts';

export function limitsContract(open: OpenRig): void {
  transactionLimits(open);
  queueLimits(open);
}

function transactionLimits(open: OpenRig): void {
  test('as many reads as allowed, not one more', async () => {
    await using rig = await open();
    const keys = Array.from({ length: doorLimits.readsMax + 1 }, (_, at) => key(String(at)));
    const read = (count: number, more: number) =>
      rig.index.transact({
        ns: 'q',
        reads: keys.slice(0, count),
        *decide() {
          yield keys.slice(count, count + more);
          return count + more;
        },
      });
    expect(await read(doorLimits.readsMax, 0)).toBe(doorLimits.readsMax);
    expect(await read(doorLimits.readsMax - 1, 1)).toBe(doorLimits.readsMax);
    await expect(read(doorLimits.readsMax, 1)).rejects.toThrow(RangeError);
    await expect(read(doorLimits.readsMax + 1, 0)).rejects.toThrow(RangeError);
  });

  test('as many writes as allowed, not one more', async () => {
    await using rig = await open();
    const writes = Array.from({ length: doorLimits.writesMax + 1 }, (_, at) => put(String(at), ''));
    await expect(write(rig.index, writes)).rejects.toThrow(RangeError);
    expect(await rowsOf(rig.index)).toEqual([]);
    await write(rig.index, writes.slice(1));
    expect(await rowsOf(rig.index)).toHaveLength(doorLimits.writesMax);
  });

  test('as many bytes as allowed, not one more', async () => {
    await using rig = await open();
    const half = doorLimits.transactionBytesMax / 2;
    const rest = half - key('ab').length * 2;
    await write(rig.index, [put('ab', 'x'.repeat(half)), put('cd', 'x'.repeat(rest))]);
    await expect(
      write(rig.index, [put('ab', 'y'.repeat(half)), put('cd', 'y'.repeat(rest + 1))]),
    ).rejects.toThrow(RangeError);
    expect((await look(rig.index, 'ab'))?.[0]).toBe('x');
  });

  test('a hint that is no number of bytes is refused', async () => {
    await using rig = await open();
    for (const bytesHint of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(write(rig.index, [], { bytesHint })).rejects.toThrow(RangeError);
    }
  });

  test('a batch stops taking transactions when it is full', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const quarter = 'x'.repeat(doorLimits.batchBytesMax / 4);
    const writers = [watch(write(rig.index, [put('first', '')]))];
    await stalled;
    for (let at = 0; at < 6; at++) writers.push(watch(write(rig.index, [put(String(at), quarter)])));
    await turns();
    expect(rig.index.stats.transactions).toBe(1 + 4);
    const stalledAgain = rig.faults.releaseOne();
    await stalledAgain;
    await turns();
    expect(rig.index.stats.transactions).toBe(1 + 6);
    rig.faults.release();
    await Promise.all(writers.map(({ settled }) => settled));
    expect(rig.index.stats).toMatchObject({ transactions: 7, batches: 3, rowsWritten: 7, reopens: 0 });
    expect(rig.index.stats.bytesWritten).toBeGreaterThan(quarter.length * 6);
  });
}

function queueLimits(open: OpenRig): void {
  test('one queue may be so long, all together too, then they are refused', async () => {
    await using rig = await open();
    const accepted: Promise<void>[] = [];
    const submit = (queue: string, count: number) => {
      for (let at = 0; at < count; at++) accepted.push(write(rig.index, [], { queue }));
    };
    const overloaded = { reason: 'OVERLOADED', retryAfterMs: expect.any(Number) };
    submit('one', doorLimits.queueLengthMaxOne);
    const refused = [write(rig.index, [], { queue: 'one' })];
    submit('two', doorLimits.queueLengthMax - doorLimits.queueLengthMaxOne);
    refused.push(write(rig.index, [], { queue: 'three' }));
    for (const each of refused) await expect(each).rejects.toMatchObject(overloaded);
    await Promise.all(accepted);
    await write(rig.index, [], { queue: 'one' });
    expect(rig.index.stats.transactions).toBe(doorLimits.queueLengthMax + 1);
  });

  test('a queue is served in order, and a long one does not hold up a short one', async () => {
    await using rig = await open();
    const order: string[] = [];
    const submit = (queue: string, name: string, bytesHint: number) =>
      write(rig.index, [put(name, '')], { queue, bytesHint }).then(() => order.push(name));
    const all = Array.from({ length: 600 }, (_, at) => submit('long', `long ${at}`, 64 * 1024));
    all.push(...[0, 1, 2].map((at) => submit('short', `short ${at}`, 1_024)));
    await Promise.all(all);
    const long = order.filter((name) => name.startsWith('long'));
    expect(long).toEqual(Array.from({ length: 600 }, (_, at) => `long ${at}`));
    expect(order.filter((name) => name.startsWith('short'))).toEqual(['short 0', 'short 1', 'short 2']);
    expect(order.indexOf('short 2')).toBeLessThan(10);
  });
}
