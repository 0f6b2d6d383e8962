/** Work that no caller waits for gives way to all other transactions, and is not left out without a limit. */
import { expect, test } from 'vitest';
import { backgroundQueue } from '../../src/index/door.ts';
import { type OpenRig, put, type Rig, rowsOf, turns, write } from './support.ts';

export function backgroundContract(open: OpenRig): void {
  test('a transaction that comes while the background is full of work is in the next batch, alone', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const background = fill(rig, 20);
    const push = write(rig.index, [put('push', '')]);
    await stalled;
    await turns();
    expect(rig.index.stats.transactions).toBe(1);
    const stalledAgain = rig.faults.releaseOne();
    await push;
    expect(rig.index.stats).toMatchObject({ batches: 1, rowsWritten: 1 });
    await stalledAgain;
    rig.faults.release();
    await Promise.all(background);
    expect(await rowsOf(rig.index)).toHaveLength(21);
  });

  test('nothing of the background runs while a batch is on its way', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const pushes = [write(rig.index, [put('first', '')])];
    await stalled;
    const background = fill(rig, 4);
    await turns();
    expect(rig.index.stats.transactions).toBe(1);
    pushes.push(write(rig.index, [put('second', '')]));
    await turns();
    expect(rig.index.stats.transactions).toBe(2);
    rig.faults.release();
    await Promise.all([...pushes, ...background]);
  });

  test('of two batches that others fill, one has a share of the background', async () => {
    await using rig = await open();
    const stalled = rig.faults.stall();
    const pushes: Promise<void>[] = [];
    const push = () => {
      pushes.push(write(rig.index, [put(`push ${pushes.length}`, '')]));
    };
    push();
    await stalled;
    const background = fill(rig, 5);
    const decided: number[] = [];
    for (let batch = 0; batch < 4; batch++) {
      push();
      await turns();
      await rig.faults.releaseOne();
      decided.push(rig.index.stats.transactions);
    }
    // Each batch has a push; the second and the fourth have two of the background besides.
    expect(decided).toEqual([2, 5, 6, 9]);
    rig.faults.release();
    await Promise.all([...pushes, ...background]);
    expect(rig.index.stats.transactions).toBe(10);
  });

  test('alone, a few transactions of the background share a batch, in their order', async () => {
    await using rig = await open();
    const ended: string[] = [];
    await Promise.all(fill(rig, 10).map((one, at) => one.then(() => ended.push(`reap ${at}`))));
    expect(rig.index.stats).toMatchObject({ transactions: 10, batches: 3, rowsWritten: 10 });
    expect(ended).toEqual(Array.from({ length: 10 }, (_, at) => `reap ${at}`));
  });

  test('decisions of the background that write nothing end, however many there are', async () => {
    await using rig = await open();
    const all = Array.from({ length: 50 }, () => write(rig.index, [], { queue: backgroundQueue, bytesHint }));
    await Promise.all(all);
    expect(rig.index.stats).toMatchObject({ transactions: 50, batches: 0 });
  });
}

/** Four of these fill a batch of their own. */
const bytesHint = 8 * 1024;

function fill({ index }: Pick<Rig, 'index'>, count: number): Promise<void>[] {
  return Array.from({ length: count }, (_, at) =>
    write(index, [put(`reap ${at}`, '')], { queue: backgroundQueue, bytesHint }),
  );
}
