/** The index that is made of an export and of the batches that were shipped after it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Entry } from '../../../src/index/row.ts';
import { type ExportPart, exportRows } from '../../../src/store/custody/export.ts';
import { rebuilt, removeExportsOf, type Shipped } from '../../../src/store/custody/rebuilt.ts';
import {
  encodeSegment,
  type ShippedBatch,
  segmentName,
  trimSegments,
} from '../../../src/store/custody/segments.ts';
import { formatVersion } from '../../../src/store/format.ts';
import type { FakeGcs } from '../../support/gcs/server.ts';
import { batch, del, openShipped, put, row, storeId } from './shipped-rig.ts';

const origin = { storeId, chain: 'c1', isRooted: true };
const format = exportFormat('');
let fake: FakeGcs;
let shipped: Shipped;

beforeEach(async () => {
  ({ fake, shipped } = await openShipped());
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
    if (part.kind === 'header') {
      commit = part.header.commit;
      // Segments may have rows of a later format than the export.
      expect(part.header.formatVersion).toBe(formatVersion);
    }
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

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[bytes.length >> 1]! ^= 1;
  return other;
}
