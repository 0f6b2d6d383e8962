/** Request ids lie under the day of their use. That changes nothing about how long they are remembered. */
import { Buffer } from 'node:buffer';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import type { Store } from '../../../src/store/open.ts';
import { OlderRequestIds } from '../../../src/store/rows/request-ids.ts';
import { inconsistencies } from '../../support/naive.ts';
import { makeOlder } from '../../support/older-request-ids.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { principalOf, specOf, tester } from '../../support/specs.ts';

const day = 24 * 3_600_000;
const midnight = Math.ceil(startOfTime / day) * day;
const everything = { limit: 100_000 };

interface Place {
  readonly index: Index;
  readonly store: Store;
}

/** Opens a store over these rows; it is checked when it closes, which it does when the test has ended. */
async function opened(clock: () => number, rows = new MemoryRows(), blobs = openMemoryBlobs()) {
  const index = await openMemoryIndex({ clock, rows });
  const store = await openCheckedStore({ index, blobs });
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    const faults = await inconsistencies(index, blobs);
    await store[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  };
  onTestFinished(close);
  return { index, store, blobs, close };
}

const push = ({ store }: Place, requestId: string, name = 'a', by = tester) =>
  store.uploads.create(by, specOf({ session: 's', name, requestId, newVersion: true }), Buffer.from(name));

/** Every way in which a request id is asked for tells the same. */
async function isRemembered(place: Place, requestId: string): Promise<boolean> {
  const spec = specOf({ session: 'none', name: 'b', requestId, newVersion: true });
  const { store } = place;
  const byDigest = await store.uploads
    .createByDigest(tester, spec, { sha256: '0'.repeat(64) as never, sizeBytes: 1 })
    .catch(({ reason }) => reason);
  const begun = await store.uploads
    .begin(tester, { ...spec, sha256: '0'.repeat(64) as never, sizeBytes: 1 })
    .then(
      (upload) => ('write' in upload ? upload[Symbol.asyncDispose]().then(() => 'new') : 'answered'),
      ({ reason }) => reason,
    );
  const known = byDigest === 'REQUEST_ID_REUSED';
  expect([byDigest, begun]).toEqual(known ? [byDigest, byDigest] : ['CONTENT_NOT_FOUND', 'new']);
  return known;
}

async function daysIn({ index }: Place): Promise<number[]> {
  const days: number[] = [];
  for await (const block of index.scan(keys.calls.requestIdByDay.range()))
    for (const [key, value] of block) {
      const [of] = keys.calls.requestIdByDay.parse(key);
      expect(of).toBe(Math.floor(keys.calls.requestIdByDay.decode(value).createTime / day));
      days.push(of - midnight / day);
    }
  return days;
}

async function countOf({ index }: Place, family: { range(): { gte: Uint8Array; lt: Uint8Array } }) {
  let count = 0;
  for await (const block of index.scan(family.range())) count += block.length;
  return count;
}

describe('a request id', () => {
  it.each([-day, -1, 0, 1, day - 1])(
    'is remembered for a day, if it is used %i ms after midnight',
    async (at) => {
      const clock = { now: midnight + at };
      const place = await opened(() => clock.now);
      const first = await push(place, 'r');
      for (const passed of [0, 1, day / 2, day - 1]) {
        clock.now = midnight + at + passed;
        expect([passed, await isRemembered(place, 'r')]).toEqual([passed, true]);
        expect(await push(place, 'r')).toMatchObject({
          artifact: { id: first.artifact.id },
          receipt: { replayed: true },
        });
      }
      clock.now = midnight + at + day;
      expect(await isRemembered(place, 'r')).toBe(false);
      const again = await push(place, 'r');
      expect(again).toMatchObject({ artifact: { version: 2 }, receipt: { replayed: false } });
      // The row of the first use is there until its day is over, and is not taken for the present one.
      expect((await daysIn(place)).length).toBe(2);
      for (const passed of [1, day - 1]) {
        clock.now = midnight + at + day + passed;
        expect((await push(place, 'r')).artifact.id).toBe(again.artifact.id);
      }
    },
  );

  it('is found at whatever moment of a call midnight comes', async () => {
    for (let before = 0; before < 12; before++) {
      let asked = Number.NEGATIVE_INFINITY;
      const clock = { now: midnight - 5 };
      const place = await opened(() => (++asked > before ? midnight + 1 : clock.now));
      const first = await push(place, 'r');
      asked = 0;
      expect([before, (await push(place, 'r')).artifact.id]).toEqual([before, first.artifact.id]);
      const other = await push(place, 'r2');
      expect((await push(place, 'r2')).artifact.id).toBe(other.artifact.id);
    }
  });

  it('outlasts a clock that is set back, also over a restart', async () => {
    const clock = { now: midnight + 1 };
    const rows = new MemoryRows();
    const blobs = openMemoryBlobs();
    const place = await opened(() => clock.now, rows, blobs);
    const first = await push(place, 'r');
    clock.now = midnight - 3 * day;
    expect((await push(place, 'r')).artifact.id).toBe(first.artifact.id);
    const second = await push(place, 'r2', 'b');
    await place.close();
    const reopened = await opened(() => clock.now, rows, blobs);
    expect((await push(reopened, 'r')).artifact.id).toBe(first.artifact.id);
    expect((await push(reopened, 'r2', 'b')).artifact.id).toBe(second.artifact.id);
    expect(await daysIn(reopened)).toEqual([0, 0]);
  });
});

describe('the reaper', () => {
  it('removes whole days, when none of their ids is remembered', async () => {
    const clock = { now: midnight };
    const place = await opened(() => clock.now);
    const reap = (allowance = everything) => place.store.reaper.reap(allowance);
    const other = principalOf({ subject: 'other' });
    for (let at = 0; at < 230; at++) await push(place, `r${at}`, `n${at}`, at % 2 === 0 ? tester : other);
    clock.now = midnight + day + 1;
    const kept = await push(place, 'kept', 'kept');
    clock.now = midnight + 2 * day - 1;
    expect(await reap()).toMatchObject({ others: 0, more: false, nextTime: midnight + 2 * day });
    clock.now = midnight + 2 * day;
    // What has begun is finished.
    expect(await reap({ limit: 150 })).toMatchObject({ others: 200, more: true, nextTime: undefined });
    expect(await reap()).toMatchObject({ others: 30, more: false, nextTime: midnight + 3 * day });
    expect(await daysIn(place)).toEqual([1]);
    expect((await push(place, 'kept', 'kept')).artifact.id).toBe(kept.artifact.id);
    clock.now = midnight + 30 * day;
    expect(await reap()).toMatchObject({ others: 1, more: false, nextTime: undefined });
    expect(await daysIn(place)).toEqual([]);
  });
});

describe('request ids of an earlier release', () => {
  it('are remembered as before, and go by their queue', async () => {
    const clock = { now: midnight - 10 };
    const rows = new MemoryRows();
    const blobs = openMemoryBlobs();
    const before = await opened(() => clock.now, rows, blobs);
    const first = await push(before, 'r');
    await push(before, 'r2', 'b');
    expect(await makeOlder(before.index)).toBe(2);
    await before.close();

    const place = await opened(() => clock.now, rows, blobs);
    const older = await OlderRequestIds.of(place.index);
    clock.now = midnight - 10 + day - 1;
    expect(await isRemembered(place, 'r')).toBe(true);
    expect((await push(place, 'r')).artifact.id).toBe(first.artifact.id);
    expect(await place.store.reaper.reap(everything)).toMatchObject({ others: 0, nextTime: clock.now + 1 });
    await older.look();
    expect(older.exist).toBe(true);
    clock.now += 1;
    expect(await isRemembered(place, 'r')).toBe(false);
    const again = await push(place, 'r');
    expect(again).toMatchObject({ artifact: { version: 2 }, receipt: { replayed: false } });
    expect((await push(place, 'r')).artifact.id).toBe(again.artifact.id);
    expect([await countOf(place, keys.calls.requestId), await daysIn(place)]).toEqual([2, [0]]);
    expect(await inconsistencies(place.index, blobs)).toEqual([]);

    expect(await place.store.reaper.reap(everything)).toMatchObject({ others: 2 });
    expect(await countOf(place, keys.calls.requestId)).toBe(0);
    expect(await countOf(place, keys.calls.expiry)).toBe(0);
    await older.look();
    expect(older.exist).toBe(false);
    expect((await push(place, 'r')).artifact.id).toBe(again.artifact.id);
  });
});
