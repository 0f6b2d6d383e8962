/** Batches of the index that are shipped. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Shipped } from '../../../src/store/custody/rebuilt.ts';
import { decodeSegment, type ShippedBatch } from '../../../src/store/custody/segments.ts';
import { Shipping } from '../../../src/store/custody/shipping.ts';
import type { FakeGcs } from '../../support/gcs/server.ts';
import { batch, del, openShipped, put, storeId } from './shipped-rig.ts';

const usual = { isReplaced: false, isUnused: false };
let fake: FakeGcs;
let shipped: Shipped;

beforeEach(async () => {
  ({ fake, shipped } = await openShipped());
});

describe('shipping', () => {
  function open(onGap: () => Promise<void> = async () => {}, gatherMs?: number) {
    const timers: (() => void)[] = [];
    const delays: number[] = [];
    let noted = 0;
    const warnings: string[] = [];
    let chains = 0;
    const shipping = new Shipping({
      files: shipped.segments,
      after: (delayMs, task) => {
        timers.push(task);
        delays.push(delayMs);
        return () => {
          const at = timers.indexOf(task);
          if (at >= 0) timers.splice(at, 1);
        };
      },
      warn: (message) => warnings.push(message),
      mintChain: () => `c${++chains}`,
      onGap: async () => {
        await onGap();
        return { seq: noted, time: noted * 1_000 };
      },
      gatherMs,
    });
    const note = (...batches: ShippedBatch[]) => {
      for (const { commit, writes } of batches) {
        noted = commit.seq;
        shipping.note({ ...commit, epoch: 1 }, writes);
      }
    };
    const begin = async (seq: number, beginning = usual) => {
      noted = seq;
      await shipping.begin(storeId, { seq, time: seq * 1_000 }, beginning);
    };
    return {
      shipping,
      begin,
      timers,
      delays,
      warnings,
      note,
      elapse: () => {
        for (const task of timers.splice(0)) task();
      },
    };
  }

  const stored = async () =>
    (await shipped.segments.list()).map(({ name }) => {
      const { chain, batches } = decodeSegment(name, fake.object(`segments/${name}`)!.bytes);
      return [chain, ...batches.map(({ commit }) => commit.seq)];
    });

  const names = async () => (await shipped.segments.list()).map(({ name }) => name);
  const bytesOf = async (at: number) => fake.object(`segments/${(await names())[at]}`)!.bytes;

  it('gathers batches for a time, and writes nothing without any', async () => {
    const { shipping, begin, timers, note, elapse } = open();
    await begin(10);
    expect(timers).toEqual([]);
    note(batch(11, put('a', 1)), batch(12, del('a')));
    expect(await stored()).toEqual([]);
    elapse();
    await expect.poll(stored).toEqual([['c1', 11, 12]]);
    expect(timers).toEqual([]);
    await shipping.close();
    expect(await stored()).toEqual([['c1', 11, 12]]);
  });

  it('writes a segment at once when it is large', async () => {
    const { begin, note } = open();
    await begin(10);
    note(batch(11, put('a', 'x'.repeat(9 * 1024 * 1024))));
    await expect.poll(stored).toEqual([['c1', 11]]);
  });

  it('goes on with its chain after a stop, and begins one with an export after a kill or a replacement', async () => {
    let exports = 0;
    const onGap = async () => void exports++;
    const first = open(onGap);
    await first.begin(10);
    expect(exports).toBe(1);
    first.note(batch(11));
    await first.shipping.close();
    const second = open(onGap);
    await second.begin(11);
    expect(exports).toBe(1);
    second.note(batch(12));
    await second.shipping.close();
    expect(await stored()).toEqual([
      ['c1', 11],
      ['c1', 12],
    ]);
    await open(onGap).begin(13);
    expect(exports).toBe(2);
    await open(onGap).begin(12, { ...usual, isReplaced: true });
    expect(exports).toBe(3);
  });

  it('needs an export after a gap of commits', async () => {
    let exports = 0;
    const { begin, note, elapse } = open(async () => void exports++);
    await begin(10);
    note(batch(11), batch(13));
    elapse();
    await expect.poll(stored).toEqual([['c2', 13]]);
    expect(exports).toBe(2);
  });

  it('tries again while the place takes nothing, and knows how far back a loss would lead', async () => {
    const { shipping, begin, note, elapse, warnings } = open();
    await begin(10);
    await expect.poll(() => shipping.restorableTime).toBe(Number.POSITIVE_INFINITY);
    fake.isDown = true;
    note(batch(11));
    expect(shipping.restorableTime).toBe(10_000);
    elapse();
    await expect.poll(() => warnings.length).toBe(1);
    note(batch(12));
    expect(shipping.restorableTime).toBe(10_000);
    fake.isDown = false;
    elapse();
    await expect.poll(stored).toEqual([['c1', 11, 12]]);
    await expect.poll(() => shipping.restorableTime).toBe(Number.POSITIVE_INFINITY);
    expect(warnings).toEqual([expect.stringContaining('cannot be shipped')]);
  });

  it('tells how much later the newest commit is than what can be restored', async () => {
    const { shipping, begin, note, elapse } = open();
    await begin(10);
    await expect.poll(() => shipping.restorableTime).toBe(Number.POSITIVE_INFINITY);
    expect(shipping.lagMs).toBe(0);
    note(batch(11), batch(14));
    // The gap needs an export, which has both.
    await expect.poll(() => shipping.lagMs).toBe(0);
    fake.isDown = true;
    note(batch(15), batch(17));
    expect(shipping.lagMs).toBe(3_000);
    fake.isDown = false;
    elapse();
    await expect.poll(() => shipping.lagMs).toBe(0);
  });

  it('counts the lag from the beginning while nothing can be restored, and goes on when nothing is shipped any more', async () => {
    const { begin, note, shipping } = open(async () => {
      throw new Error('no export');
    });
    await begin(10);
    expect(shipping.lagMs).toBe(0);
    note(batch(12));
    expect(shipping.lagMs).toBe(2_000);
    const [one, other] = [open(), open()];
    for (const { begin, note } of [one, other]) {
      await begin(20);
      note(batch(21, put('a', 1)));
    }
    one.note(batch(22));
    one.elapse();
    await expect.poll(async () => (await stored()).length).toBe(1);
    other.note(batch(22, put('a', 2)));
    other.elapse();
    await expect.poll(() => other.warnings.length).toBe(1);
    other.note(batch(29));
    expect(other.shipping.lagMs).toBe(9_000);
  });

  it('cannot lead back to a state without an export, which is tried until it is written', async () => {
    let isUp = false;
    const { shipping, begin, note, elapse, warnings } = open(async () => {
      if (!isUp) throw new Error('no export');
    });
    await begin(10);
    await expect.poll(() => warnings.length).toBe(1);
    note(batch(11));
    elapse();
    await expect.poll(stored).toEqual([['c1', 11]]);
    expect(shipping.restorableTime).toBe(0);
    isUp = true;
    await expect
      .poll(() => {
        elapse();
        return shipping.restorableTime;
      })
      .toBe(Number.POSITIVE_INFINITY);
  });

  it('waits at a stop for the export of its chain, but not for ever', async () => {
    const export1 = Promise.withResolvers<void>();
    const first = open(() => export1.promise);
    await first.begin(10);
    first.note(batch(11));
    let isRooted = false;
    const waiting = first.shipping.whenRooted().then(() => {
      isRooted = true;
    });
    expect(isRooted).toBe(false);
    export1.resolve();
    await waiting;
    await first.shipping.close();
    expect(decodeSegment((await names())[0]!, await bytesOf(0)).isRooted).toBe(true);
    const second = open(() => new Promise<void>(() => undefined));
    await second.begin(20);
    const late = second.shipping.whenRooted();
    expect(second.delays.at(-1)).toBe(5_000);
    second.elapse();
    await late;
    // Nothing is waited for.
    await first.shipping.whenRooted();
  });

  it('notices another service that ships the same commits', async () => {
    const [one, other] = [open(), open()];
    for (const [at, { begin, note }] of [one, other].entries()) {
      await begin(10);
      note(batch(11, put('a', at)));
    }
    one.elapse();
    await expect.poll(stored).toEqual([['c1', 11]]);
    other.elapse();
    await expect.poll(() => other.warnings).toEqual([expect.stringContaining('two services run on copies')]);
    expect(other.shipping.restorableTime).toBe(10_000);
    other.note(batch(12));
    expect(other.timers).toEqual([]);
    await expect(other.shipping.whenShipped(AbortSignal.timeout(5_000))).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
    });
    expect(await stored()).toEqual([['c1', 11]]);
  });
});
