/** Clause 8: the entries of a list are those of the snapshot's instant, whatever is kept in memory and written meanwhile. */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { Random } from '../../bench/stores/random.ts';
import type { Index, Snapshot } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { inAnyOrder } from './any-order.ts';
import { unwritten, written } from './faults.ts';
import { type OpenRig, turns } from './support.ts';

const ns = 'q';
const list = keys.latest.byType.range(ns, 'text/plain').gte;
const other = keys.latest.byType.range(ns, 'text/csv').gte;

const suffix = (number: number) =>
  Buffer.concat([Buffer.alloc(14, 7), Buffer.of(number >> 8, number & 0xff)]);
const keyOf = (number: number, of = list) => Buffer.concat([of, suffix(number)]);
const numberOf = (bytes: Uint8Array) => bytes.at(-2)! * 256 + bytes.at(-1)!;

/** The part of the list after one entry, or from its beginning, up to another one. */
const range = (after: number | undefined, end: number) => ({
  gte: Buffer.concat([list, ...(after === undefined ? [Buffer.alloc(16)] : [suffix(after), Buffer.of(0)])]),
  lt: keyOf(end),
});

type Part = readonly [after: number | undefined, end: number];
const all: Part = [undefined, 0xffff];

async function listed(snapshot: Snapshot, [after, end]: Part, most = 1_000): Promise<string[]> {
  const found: string[] = [];
  for await (const block of snapshot.list(list, {
    ...range(after, end),
    firstBlock: 3,
    nextBlock: () => 5,
  })) {
    found.push(...block.map((one) => `${numberOf(one.suffix)}: ${Buffer.from(one.signature)}`));
    if (found.length >= most) break;
  }
  return found.slice(0, most);
}

async function stored(snapshot: Snapshot, [after, end]: Part, most = 1_000): Promise<string[]> {
  const found: string[] = [];
  for await (const block of snapshot.scan(range(after, end)))
    found.push(...block.map(([key, value]) => `${numberOf(key)}: ${Buffer.from(value)}`));
  return found.slice(0, most);
}

/** The same, when it was read often enough to be kept. */
async function kept(snapshot: Snapshot, part: Part = all): Promise<string[]> {
  for (let time = 1; time <= 2; time++) await listed(snapshot, all);
  return await listed(snapshot, part);
}

let value = 0;

function change(
  index: Index,
  put: readonly number[],
  gone: readonly number[] = [],
  of = list,
): Promise<void> {
  return index.transact({
    ns,
    reads: [],
    *decide(tx) {
      for (const one of put)
        tx.write({ type: 'put', key: keyOf(one, of), value: Buffer.from(String(++value)) });
      for (const one of gone) tx.write({ type: 'del', key: keyOf(one, of) });
    },
  });
}

export function listContract(open: OpenRig): void {
  test('8: a list in memory is that of the instant, before, while and after a batch becomes durable', async () => {
    await using rig = await open();
    const { index } = rig;
    await change(index, [10, 20, 30, 40, 50]);
    await using before = index.snapshot();
    const old = await kept(before);
    expect(old).toHaveLength(5);
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const { promise: applied, resolve: apply } = Promise.withResolvers<void>();
    rig.faults.plan(async (write) => {
      await write();
      apply();
      await told;
    });
    const changed = change(index, [5, 20, 25, 60], [30]);
    await applied;
    await using during = index.snapshot();
    expect(await kept(before)).toEqual(old);
    expect(await kept(during)).toEqual(await stored(during, all));
    tell();
    await changed;
    await using after = index.snapshot();
    for (const snapshot of [after, before, during, after])
      expect(await kept(snapshot)).toEqual(await stored(snapshot, all));
    expect(await kept(before)).toEqual(old);
    expect((await kept(after)).map((one) => Number.parseInt(one, 10))).toEqual([5, 10, 20, 25, 40, 50, 60]);
  });

  test('8: what an old snapshot reads of a list is not kept for later ones', async () => {
    await using rig = await open();
    await change(rig.index, [1, 2, 3]);
    await rig.reopen();
    await using before = rig.index.snapshot();
    await change(rig.index, [0], [2]);
    await kept(before);
    await using after = rig.index.snapshot();
    expect(await listed(after, all)).toEqual(await stored(after, all));
  });

  test('8: a long list, read by parts, and written all over', async () => {
    await using rig = await open();
    const { index } = rig;
    const numbers = Array.from({ length: 1_500 }, (_, at) => 2 * at + 100);
    await change(index, numbers);
    for (let time = 1; time <= 3; time++) {
      await using snapshot = index.snapshot();
      expect(await listed(snapshot, all, 4_000)).toEqual(await stored(snapshot, all, 4_000));
      for (const part of [
        [undefined, 150],
        [120, 2_000],
        [2_090, 2_200],
        [3_200, 9_000],
      ] as const)
        expect(await listed(snapshot, part)).toEqual(await stored(snapshot, part));
      await change(index, [1, 101 + time, 2_145 + time, 3_500], [104 + 2 * time, 2_148, 3_098]);
    }
  });

  test.each([
    ['not written', unwritten],
    ['written', written],
  ])(
    '8: after a batch that failed and was %s, lists in memory are those of the database',
    async (_, fault) => {
      await using rig = await open();
      const { index } = rig;
      await change(index, [1, 2, 3]);
      const look = async () => {
        await using snapshot = index.snapshot();
        expect(await kept(snapshot)).toEqual(await stored(snapshot, all));
      };
      await look();
      rig.faults.plan(fault);
      await expect(change(index, [0, 2], [3])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
      while (index.trouble !== undefined) {
        await look();
        rig.timer.fire();
        await turns(1);
      }
      await look();
      await change(index, [4], [1]);
      await look();
    },
  );

  test('8: any order of writes, snapshots and reads of a list', async () => {
    await using rig = await open();
    const { index } = rig;
    const random = new Random(7, 'lists');
    const some = () => Array.from({ length: random.below(4) }, () => random.below(40));
    await inAnyOrder(rig, random, {
      write: () => change(index, some(), some(), random.below(3) === 0 ? other : list),
      check: async (snapshot) => {
        const part: Part = [random.below(2) === 0 ? undefined : random.below(40), random.below(60)];
        const most = 1 + random.below(20);
        expect(await listed(snapshot, part, most)).toEqual(await stored(snapshot, part, most));
      },
    });
  });
}
