import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mapInOrder } from '../../../src/cli/files/in-order.ts';

async function* numbers(count: number, end?: Error) {
  for (let at = 0; at < count; at++) yield at;
  if (end !== undefined) throw end;
}

describe('working on several at once', () => {
  it('gives the results in order, with no more under way than allowed', async () => {
    let underWay = 0;
    let most = 0;
    const work = async (item: number) => {
      most = Math.max(most, ++underWay);
      for (let at = 0; at < 10 - item; at++) await turn();
      underWay--;
      return item;
    };
    expect(await Array.fromAsync(mapInOrder(numbers(10), 3, () => true, work))).toEqual([
      ...Array(10).keys(),
    ]);
    expect(most).toBe(3);
  });

  it('begins nothing new once it is told to stop', async () => {
    const begun: number[] = [];
    const work = async (item: number) => begun.push(item);
    await Array.fromAsync(mapInOrder(numbers(10), 2, () => begun.length < 4, work));
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  it.each(['its items fail', 'its reader leaves'])('ends after what it began when %s', async (how) => {
    let ended = 0;
    const work = async () => {
      for (let at = 0; at < 5; at++) await turn();
      ended++;
    };
    const failing = how === 'its items fail';
    const results = mapInOrder(
      numbers(3, failing ? new RangeError('no more') : undefined),
      3,
      () => true,
      work,
    );
    const read = async () => {
      for await (const _ of results) if (!failing) throw new RangeError('enough');
    };
    await expect(read()).rejects.toThrow(RangeError);
    expect(ended).toBe(3);
  });
});
