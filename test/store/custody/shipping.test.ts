/** Batches of the index that are shipped, and the index that is made of an export and of them. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { encodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Entry, Write } from '../../../src/index/row.ts';
import { type ExportPart, exportRows } from '../../../src/store/custody/export.ts';
import { rebuilt, removeExportsOf, type Shipped } from '../../../src/store/custody/rebuilt.ts';
import {
  decodeSegment,
  encodeSegment,
  type ShippedBatch,
  segmentName,
  trimSegments,
} from '../../../src/store/custody/segments.ts';
import { Shipping } from '../../../src/store/custody/shipping.ts';
import { FakeGcs } from '../../support/gcs/server.ts';

const storeId = 'a1';
const origin = { storeId, chain: 'c1', isRooted: true };
const usual = { isReplaced: false, isUnused: false };
const format = exportFormat('');
let fake: FakeGcs;
let shipped: Shipped;

beforeEach(async () => {
  fake = await FakeGcs.open();
  const address = { bucket: 'bucket', prefix: '' };
  const blobs = await openGcsBlobs({ address, endpoint: fake.endpoint, random: () => 0, operationMs: 5_000 });
  onTestFinished(async () => {
    blobs[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });
  shipped = { exports: blobs.exports(), segments: blobs.segments() };
});

const row = (name: string, value: unknown): Entry => [
  keys.store.setting.key(name),
  keys.store.setting.encode(value),
];
const put = (name: string, value: unknown): Write => {
  const [key, bytes] = row(name, value);
  return { type: 'put', key, value: encodeRow(key, bytes) };
};
const del = (name: string): Write => ({ type: 'del', key: keys.store.setting.key(name) });
const batch = (seq: number, ...writes: Write[]): ShippedBatch => ({
  commit: { seq, time: seq * 1_000 },
  writes,
});

async function* once(bytes: Uint8Array) {
  yield bytes;
}

async function ship(batches: readonly ShippedBatch[], of = origin): Promise<void> {
  const name = segmentName(batches[0]!.commit.seq, storeId);
  await shipped.segments.write(name, storeId, once(encodeSegment(of, batches)));
}

async function exportOf(
  name: string,
  commit: number,
  rows: readonly Entry[],
  of: { readonly storeId?: string; readonly chain?: string } = {},
): Promise<void> {
  const encode = format.encoder();
  async function* bytes() {
    const header = { formatVersion: 1, storeId, commit, time: commit * 1_000, ...of };
    yield encode({ kind: 'header', header });
    async function* blocks() {
      yield rows;
    }
    for await (const part of exportRows(blocks())) yield encode(part);
  }
  await shipped.exports.write(name, storeId, bytes());
}

/** What comes out: the settings, the last commit, and what was said. */
async function result(present?: { readonly storeId: string; readonly isEmpty: boolean }) {
  let said = '';
  let commit = 0;
  const settings: Record<string, unknown> = {};
  const take = (part: ExportPart) => {
    if (part.kind === 'header') commit = part.header.commit;
    if (part.kind !== 'rows') return;
    for (const { key, value } of part.rows)
      settings[keys.store.setting.parse(key)[0]] = keys.store.setting.decode(value.subarray(5));
  };
  const onFound = (message: string) => {
    said = message;
  };
  for await (const part of rebuilt(shipped, { format, onFound, present })) take(part);
  return { settings, commit, said };
}

const [monday, tuesday] = ['2026-01-05T02-00-00Z.index', '2026-01-06T02-00-00Z.index'];

describe('an index that is made of an export and segments', () => {
  it('has the last state of each row', async () => {
    await exportOf(monday, 10, [row('b', 1), row('d', 1), row('f', 1)]);
    await ship([batch(9, put('b', 'old')), batch(10, put('b', 'old')), batch(11, put('a', 2), put('b', 2))]);
    await ship([batch(12, del('d'), put('c', 3)), batch(13, put('e', 4), put('z', 4), del('c'))]);
    await ship([batch(14, put('c', 5), del('nothing'))]);
    expect(await result()).toEqual({
      settings: { a: 2, b: 2, c: 5, e: 4, f: 1, z: 4 },
      commit: 14,
      said: expect.stringMatching(
        /^the export 2026-01-05.* and 3 segments: up to commit 14 of 1970-01-01T00:00:14/,
      ),
    });
  });

  it('is the export itself without segments', async () => {
    await exportOf(monday, 10, [row('a', 1)]);
    expect(await result()).toMatchObject({ settings: { a: 1 }, commit: 10 });
  });

  it('ends before a gap, before an altered segment, and before the segments of another index', async () => {
    await exportOf(monday, 10, [row('a', 1)]);
    await ship([batch(11, put('a', 2))]);
    await ship([batch(13, put('a', 3))]);
    expect(await result()).toMatchObject({
      settings: { a: 2 },
      commit: 11,
      said: expect.stringContaining('commits 12 to 12 are missing'),
    });
    await ship([batch(12, put('a', 4))]);
    expect(await result()).toMatchObject({ settings: { a: 3 }, commit: 13 });
    const name = `segments/${segmentName(13, storeId)}`;
    const { bytes } = fake.object(name)!;
    for (const wrong of [bytes.subarray(0, -1), bytes.subarray(0, 5), Buffer.alloc(0), flipped(bytes)]) {
      fake.buckets.put('bucket', { name, bytes: wrong });
      expect(await result()).toMatchObject({
        commit: 12,
        said: expect.stringContaining('cut short or was altered'),
      });
    }
    fake.buckets.bucket('bucket').delete(name);
    await ship([batch(13, put('a', 5))], { ...origin, chain: 'c2' });
    expect(await result()).toMatchObject({
      settings: { a: 4 },
      commit: 12,
      said: expect.stringContaining('another index'),
    });
    // An export of that index begins its own chain.
    await exportOf(tuesday, 12, [row('a', 9)]);
    expect(await result()).toMatchObject({ settings: { a: 5 }, commit: 13 });
  });

  it('falls back to the newest whole export and the segments after it', async () => {
    await exportOf(monday, 10, [row('a', 1)]);
    await ship([batch(11, put('a', 2)), batch(12, put('b', 2))]);
    await exportOf(tuesday, 11, [row('a', 2)]);
    const name = `exports/${tuesday}`;
    const { bytes } = fake.object(name)!;
    for (const wrong of [bytes.subarray(0, -1), bytes.subarray(0, 20), flipped(bytes)]) {
      fake.buckets.put('bucket', { name, bytes: wrong });
      expect(await result()).toMatchObject({
        settings: { a: 2, b: 2 },
        commit: 12,
        said: expect.stringContaining(monday),
      });
    }
    fake.buckets.put('bucket', { name: `exports/${monday}`, bytes: Buffer.alloc(9) });
    await expect(result()).rejects.toMatchObject({ message: expect.stringContaining('no whole export') });
  });

  it('leaves out the segments of another service that ran on a copy of the store', async () => {
    await exportOf(monday, 10, [row('a', 1)], { chain: 'c2' });
    await ship([batch(8), batch(9), batch(10)], { ...origin, chain: 'c2' });
    await ship([batch(9), batch(10), batch(11, put('a', 'theirs')), batch(12, put('b', 'theirs'))]);
    await ship([batch(11, put('a', 'ours'))], { ...origin, chain: 'c2' });
    await ship([batch(12, put('c', 'ours'))], { ...origin, chain: 'c2' });
    expect(await result()).toMatchObject({ settings: { a: 'ours', c: 'ours' }, commit: 12 });
    // Only theirs.
    for (const seq of [8, 11, 12]) await shipped.segments.remove(segmentName(seq, storeId));
    expect(await result()).toMatchObject({ settings: { a: 1 }, commit: 10 });
  });

  it('is that of the present store, or of the only other one', async () => {
    await exportOf(monday, 10, [row('a', 1)]);
    await exportOf(tuesday, 20, [row('b', 2)], { storeId: 'b2' });
    const present = (of: string, isEmpty: boolean) => result({ storeId: of, isEmpty });
    expect(await present('a1', false)).toMatchObject({ commit: 10 });
    expect(await present('b2', false)).toMatchObject({ commit: 20 });
    // A store that was made to be filled.
    expect(await present('b2', true)).toMatchObject({ commit: 10 });
    for (const unknown of [result(), present('c3', true), present('c3', false)])
      await expect(unknown).rejects.toMatchObject({
        reason: 'INVALID_ARGUMENT',
        message: expect.stringContaining('exports of 2 stores'),
      });
    await removeExportsOf(shipped.exports, format, 'b2');
    expect(await result()).toMatchObject({ commit: 10 });
  });

  it('stops at a segment of a later version', async () => {
    await exportOf(monday, 10, [row('a', 1)]);
    const name = segmentName(11, storeId);
    await shipped.segments.write(name, storeId, once(Buffer.from('{"format":2}\n')));
    expect(await result()).toMatchObject({ commit: 10, said: expect.stringContaining('has format 2') });
  });

  it('keeps the segments that the oldest kept export needs', async () => {
    for (const seq of [1, 5, 8, 12]) await ship([batch(seq), batch(seq + 1)]);
    await shipped.segments.write(
      segmentName(1, 'b2'),
      'b2',
      once(encodeSegment({ ...origin, storeId: 'b2' }, [batch(1)])),
    );
    expect(await trimSegments(shipped.segments, storeId, 8)).toBe(2);
    const names = (await shipped.segments.list()).map(({ name }) => name);
    expect(names).toEqual([segmentName(1, 'b2'), segmentName(8, storeId), segmentName(12, storeId)].sort());
  });
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

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[bytes.length >> 1]! ^= 1;
  return other;
}
