/** Calls that wait until their commits are shipped, and what a shipping does for them. */
import { describe, expect, it } from 'vitest';
import { type ExportFiles, isSegmentName } from '../../../src/blobs/export-files.ts';
import { memoryExports } from '../../../src/blobs/memory-exports.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { encodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Write } from '../../../src/index/row.ts';
import { decodeSegment } from '../../../src/store/custody/segments.ts';
import { Shipping } from '../../../src/store/custody/shipping.ts';

const storeId = 'a1';
const usual = { isReplaced: false, isUnused: false };

function write(family: { key: (...parts: never[]) => Uint8Array }, ...parts: string[]): Write {
  const key = family.key(...(parts as never[]));
  return { type: 'put', key, value: encodeRow(key, Uint8Array.of(1)) };
}
const setting = write(keys.store.setting, 'place');
const used = write(keys.store.policy, 'default');

/** A place that can fail: before it has written, or after. */
function placeOf() {
  const files = memoryExports(isSegmentName);
  const faults: ('before' | 'after')[] = [];
  let gate: Promise<void> | undefined;
  const place: ExportFiles = {
    ...files,
    write: async (...args) => {
      await gate;
      const fault = faults.shift();
      if (fault === 'before') throw new Failure('STORE_UNAVAILABLE', 'no answer');
      const size = await files.write(...args);
      if (fault === 'after') throw new Failure('STORE_UNAVAILABLE', 'the answer was lost');
      return size;
    },
  };
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return () => {
      gate = undefined;
      resolve();
    };
  };
  const stored = async () => {
    const found: (string | number | boolean)[][] = [];
    for (const { name, sizeBytes } of await files.list()) {
      const { chain, isRooted, batches } = decodeSegment(name, await files.read(name, 0, sizeBytes));
      found.push([chain, isRooted, ...batches.map(({ commit }) => commit.seq)]);
    }
    return found;
  };
  return { place, faults, hold, stored };
}

async function open(
  { place }: ReturnType<typeof placeOf>,
  { seq = 10, beginning = usual, onGap = async () => {} } = {},
) {
  const timers: { readonly ms: number; readonly task: () => void }[] = [];
  const warnings: string[] = [];
  let noted = seq;
  let exports = 0;
  const shipping = new Shipping({
    files: place,
    after: (ms, task) => {
      const timer = { ms, task };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
    warn: (message) => warnings.push(message),
    mintChain: () => `c${++exports}`,
    onGap: async () => {
      await onGap();
      return { seq: noted, time: noted };
    },
  });
  await shipping.begin(storeId, { seq, time: seq }, beginning);
  return {
    shipping,
    timers,
    warnings,
    exports: () => exports,
    note: (next: number, row = used) => {
      noted = next;
      shipping.note({ seq: next, time: next, epoch: 1 }, [row]);
    },
    elapse: () => {
      for (const { task } of timers.splice(0)) task();
    },
  };
}

const never = new AbortController().signal;

/** What came of a promise so far. */
function outcomeOf(promise: Promise<void>) {
  const outcome: { is: string } = { is: 'waits' };
  promise.then(
    () => {
      outcome.is = 'shipped';
    },
    (error: unknown) => {
      outcome.is = error instanceof Error ? error.message : String(error);
    },
  );
  return outcome;
}

const turns = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

describe('a call that waits until it is shipped', () => {
  it('hurries the gathering, and shares a segment with those that come meanwhile', async () => {
    const place = placeOf();
    const { shipping, timers, note, elapse } = await open(place);
    await turns();
    note(11);
    expect(timers.map(({ ms }) => ms)).toEqual([5_000]);
    const first = outcomeOf(shipping.whenShipped(never));
    expect(timers.map(({ ms }) => ms)).toEqual([100]);
    note(12);
    const second = outcomeOf(shipping.whenShipped(never));
    await turns();
    expect([first.is, second.is]).toEqual(['waits', 'waits']);
    elapse();
    await expect.poll(() => [first.is, second.is]).toEqual(['shipped', 'shipped']);
    expect(await place.stored()).toEqual([['c1', true, 11, 12]]);
    expect(timers).toEqual([]);
    await shipping.whenShipped(never);
  });

  it('waits for the segment after the one that is on its way', async () => {
    const place = placeOf();
    const { shipping, note, elapse } = await open(place);
    await turns();
    const release = place.hold();
    note(11);
    elapse();
    note(12);
    const waiting = outcomeOf(shipping.whenShipped(never));
    release();
    await expect.poll(place.stored).toEqual([['c1', true, 11]]);
    await turns();
    expect(waiting.is).toBe('waits');
    elapse();
    await expect.poll(() => waiting.is).toBe('shipped');
  });

  it('waits for the export that begins a chain', async () => {
    const place = placeOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { shipping, note, elapse } = await open(place, { onGap: () => promise });
    note(11);
    const waiting = outcomeOf(shipping.whenShipped(never));
    elapse();
    await expect.poll(place.stored).toEqual([['c1', false, 11]]);
    expect(waiting.is).toBe('waits');
    resolve();
    await expect.poll(() => waiting.is).toBe('shipped');
  });

  it('is served by an export, if the changes themselves were dropped', async () => {
    const place = placeOf();
    const { shipping, note, warnings, exports } = await open(place);
    await turns();
    place.faults.push(...Array<'before'>(50).fill('before'));
    const large = { ...used, value: Buffer.alloc(9 * 1024 * 1024) };
    for (let seq = 11; seq < 19; seq++) note(seq, large);
    const waiting = outcomeOf(shipping.whenShipped(never));
    note(19, large);
    expect(warnings.at(-1)).toContain('too many changes');
    await expect.poll(() => waiting.is).toBe('shipped');
    expect(exports()).toBe(2);
    expect(shipping.restorableTime).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends with its signal, and with the store', async () => {
    const place = placeOf();
    const { shipping, note } = await open(place);
    note(11);
    const late = new AbortController();
    const [one, other] = [
      outcomeOf(shipping.whenShipped(late.signal)),
      outcomeOf(shipping.whenShipped(never)),
    ];
    late.abort(new Error('late'));
    await expect.poll(() => one.is).toBe('late');
    expect(other.is).toBe('waits');
    shipping.suspend();
    await expect.poll(() => other.is).toContain('closed or replaced');
    await expect(shipping.whenShipped(never)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(shipping.waiting).toBe(0);
  });

  it('does not hurry tries that fail', async () => {
    const place = placeOf();
    place.faults.push('before');
    const { shipping, timers, note, elapse } = await open(place);
    await turns();
    note(11);
    elapse();
    await expect.poll(() => timers.map(({ ms }) => ms)).toEqual([2_000]);
    note(12);
    void shipping.whenShipped(never);
    expect(timers.map(({ ms }) => ms)).toEqual([2_000]);
    elapse();
    await expect.poll(place.stored).toEqual([['c1', true, 11, 12]]);
  });
});

describe('shipping', () => {
  it('gathers after each segment, also under a load that never rests', async () => {
    const place = placeOf();
    const { timers, note, elapse } = await open(place);
    await turns();
    const release = place.hold();
    note(11);
    elapse();
    note(12);
    release();
    await expect.poll(() => timers.map(({ ms }) => ms)).toEqual([5_000]);
    expect(await place.stored()).toEqual([['c1', true, 11]]);
  });

  it('knows its own segment again whose answer was lost', async () => {
    const place = placeOf();
    place.faults.push('after');
    const { warnings, note, elapse, shipping } = await open(place);
    await turns();
    note(11);
    const waiting = outcomeOf(shipping.whenShipped(never));
    elapse();
    await expect.poll(() => waiting.is).toBe('shipped');
    place.faults.push('before');
    note(12);
    elapse();
    await expect.poll(() => warnings.length).toBe(1);
    // The failed try has arrived after all.
    await place.place.write(...(await segmentOf(12)));
    note(13);
    await expect
      .poll(() => {
        elapse();
        return place.stored();
      })
      .toEqual([
        ['c1', true, 11],
        ['c1', true, 12],
        ['c1', true, 13],
      ]);
  });

  it('begins another chain after an end that left its chain without an export', async () => {
    const place = placeOf();
    const first = await open(place, { onGap: () => Promise.reject(new Error('no export')) });
    first.note(11);
    await first.shipping.close();
    expect(await place.stored()).toEqual([['c1', false, 11]]);
    const second = await open(place, { seq: 11 });
    expect(second.exports()).toBe(1);
    await turns();
    second.note(12);
    await second.shipping.close();
    expect((await open(place, { seq: 12 })).exports()).toBe(0);
  });

  it('writes nothing for a store that nobody has used', async () => {
    const place = placeOf();
    const { exports, note, timers, shipping } = await open(place, {
      beginning: { ...usual, isUnused: true },
    });
    note(11, setting);
    expect([exports(), timers.length]).toEqual([0, 0]);
    await shipping.whenShipped(never);
    note(12);
    expect(exports()).toBe(1);
    await shipping.close();
    expect(await place.stored()).toEqual([['c1', expect.any(Boolean), 12]]);
  });

  it('needs an export after a batch whose outcome nobody knew', async () => {
    const place = placeOf();
    const { exports, shipping, note } = await open(place);
    note(11);
    shipping.reopened({ seq: 11, time: 11 });
    expect(exports()).toBe(1);
    shipping.reopened({ seq: 12, time: 12 });
    expect(exports()).toBe(2);
  });

  it('says the highest number that a segment has', async () => {
    const place = placeOf();
    const { shipping, note } = await open(place);
    expect(await shipping.highestCommit()).toBe(0);
    note(11);
    note(12);
    await shipping.close();
    expect(await shipping.highestCommit()).toBe(12);
  });
});

async function segmentOf(seq: number) {
  const place = placeOf();
  const { note, shipping } = await open(place, { seq: seq - 1 });
  await turns();
  note(seq);
  await shipping.close();
  const [file] = await place.place.list();
  const bytes = await place.place.read(file!.name, 0, file!.sizeBytes);
  async function* whole() {
    yield bytes;
  }
  return [file!.name, storeId, whole()] as const;
}
