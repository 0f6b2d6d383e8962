/** The reserve of free space: what it refuses, and what goes on in spite of it. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { defaultReserve, Space } from '../../../src/store/contents/space.ts';
import { withBlobs } from '../../support/blobs.ts';
import { openTestStore } from '../../support/service.ts';
import { digestOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

test('the default is 1 GiB or 5 %, and never more than a tenth', () => {
  expect(defaultReserve(1_000 * GiB)).toBe(50 * GiB);
  expect(defaultReserve(15 * GiB)).toBe(GiB);
  expect(defaultReserve(2 * GiB)).toBe(Math.floor(0.2 * GiB));
});

test('the system is asked once a second, by whichever clock goes', async () => {
  let [elapsed, now, freeBytes] = [0, 5, 10];
  const blobs = withBlobs(openMemoryBlobs(), { space: async () => ({ freeBytes, totalBytes: 100 }) });
  const space = new Space(blobs, { now: () => now }, 0, { elapsed: () => elapsed });
  expect(await space.status()).toMatchObject({ freeBytes: 10 });
  freeBytes = 9;
  [elapsed, now] = [999, 1_004];
  expect(await space.status()).toMatchObject({ freeBytes: 10 });
  // The index's time may stand still for minutes.
  elapsed = 1_000;
  expect(await space.status()).toMatchObject({ freeBytes: 9 });
  freeBytes = 8;
  now = 2_004;
  expect(await space.status()).toMatchObject({ freeBytes: 8 });
});

test('room is known once the system has answered, and the answer is no older than a second', async () => {
  let [now, freeBytes] = [5, 15];
  const blobs = withBlobs(openMemoryBlobs(), { space: async () => ({ freeBytes, totalBytes: 100 }) });
  const space = new Space(blobs, { now: () => now }, 10, { elapsed: () => now });
  expect(space.hasRoom(5)).toBe(false);
  await space.status();
  expect([space.hasRoom(5), space.hasRoom(6)]).toEqual([true, false]);
  freeBytes = 10;
  now += 1_000;
  expect(space.hasRoom(5)).toBe(false);
  await space.status();
  expect(space.hasRoom(5)).toBe(false);
  const unknown = withBlobs(openMemoryBlobs(), { space: async () => undefined });
  const elsewhere = new Space(unknown, { now: () => now }, undefined, { elapsed: () => now });
  await elsewhere.status();
  expect(elsewhere.hasRoom(1)).toBe(false);
  expect(new Space(unknown, { now: () => now }, 0).hasRoom(1)).toBe(true);
});

async function open(reserveBytes?: number) {
  const disk = { free: 100 * MiB, asked: 0 };
  const blobs = withBlobs(openMemoryBlobs(), {
    space: async () => {
      disk.asked++;
      return { freeBytes: disk.free, totalBytes: 100 * GiB };
    },
  });
  const opened = await openTestStore({
    blobs,
    inlineBytesMax: 64,
    ...(reserveBytes === undefined ? {} : { reserveBytes }),
  });
  const { uploads } = opened.store;
  const push = (name: string, content: string | Uint8Array, requestId?: string) =>
    uploads.create(tester, specOf({ session: 's', name, requestId }), Buffer.from(content));
  return { ...opened, uploads, disk, push };
}

const full = (free: number, reserve: number) => ({
  reason: 'STORAGE_FULL',
  metadata: { free_bytes: String(free), reserve_bytes: String(reserve) },
});

describe('below the reserve', () => {
  test('every kind of upload is refused, and all else goes on', async () => {
    await using store = await open(10 * MiB);
    const { artifact } = await store.push('a', 'small', 'r1');
    const large = Buffer.alloc(1_000, 1);
    await store.push('large', large);
    store.disk.free = 10 * MiB - 1;
    store.clock.now += 1_000;
    const refusal = full(10 * MiB - 1, 10 * MiB);
    await expect(store.push('b', 'small')).rejects.toMatchObject(refusal);
    await expect(store.push('b', large)).rejects.toMatchObject(refusal);
    await expect(store.uploads.begin(tester, specOf({ session: 's', name: 'b' }))).rejects.toMatchObject(
      refusal,
    );
    await expect(
      store.uploads.createByDigest(tester, specOf({ session: 's', name: 'b' }), digestOf(large)),
    ).rejects.toMatchObject(refusal);
    // What was answered once is answered again.
    expect((await store.push('a', 'small', 'r1')).artifact.id).toBe(artifact.id);
    expect(await store.store.artifacts.delete(tester, target('s', 'large'))).toBe(true);
    expect((await store.store.seals.seal(tester, sessionNamed('s').id, 'succeeded')).session.state).toBe(
      'sealed',
    );
    store.disk.free = 20 * MiB;
    store.clock.now += 1_000;
    expect(
      (await store.store.uploads.create(tester, specOf({ session: 't', name: 'b' }), large)).artifact.version,
    ).toBe(1);
  });

  test('an upload is refused at once if what it said would lead there', async () => {
    await using store = await open(10 * MiB);
    const spec = (sizeBytes: number) => specOf({ session: 's', name: 'b', sizeBytes });
    await expect(store.uploads.begin(tester, spec(90 * MiB + 1))).rejects.toMatchObject(
      full(100 * MiB, 10 * MiB),
    );
    const upload = await store.uploads.begin(tester, spec(90 * MiB));
    if ('artifact' in upload) throw new Error('it has ended');
    await upload[Symbol.asyncDispose]();
  });

  test('an upload that did not say is refused on its way', async () => {
    await using store = await open(10 * MiB);
    const upload = await store.uploads.begin(tester, specOf({ session: 's', name: 'b' }));
    if ('artifact' in upload) throw new Error('it has ended');
    const piece = Buffer.alloc(16 * MiB);
    for (let at = 0; at < 3; at++) await upload.write(piece);
    store.disk.free = 9 * MiB;
    store.clock.now += 1_000;
    await expect(upload.write(piece)).rejects.toMatchObject(full(9 * MiB, 10 * MiB));
    await upload[Symbol.asyncDispose]();
    expect(store.blobs.stagedCount).toBe(0);
  });
});

test('a reserve of nothing refuses nothing', async () => {
  await using store = await open(0);
  store.disk.free = 0;
  await store.push('a', 'small');
  expect(store.disk.asked).toBe(0);
});

describe('a refusal says when room will come', () => {
  const minute = 60_000;
  /** What a push is told, in the next second and on a full disk. */
  const told = async (store: Awaited<ReturnType<typeof open>>) => {
    store.disk.free = MiB;
    store.clock.now += 1_000;
    const failure = await store.push('x', 'small').then(
      () => undefined,
      (error: Failure) => error,
    );
    return { message: failure?.message, time: failure?.metadata.room_time };
  };
  const iso = (time: number) => new Date(time).toISOString();

  test('by what expires, by what was deleted, and by what is condemned', async () => {
    await using store = await open(10 * MiB);
    await store.push('a', Buffer.alloc(1_000, 1));
    await store.push('b', Buffer.alloc(1_000, 2));
    expect(await told(store)).toMatchObject({
      message: expect.stringMatching(/no stored data will expire soon/),
      time: undefined,
    });

    store.disk.free = 100 * MiB;
    store.clock.now += 1_000;
    const expiry = { ttlMs: 60 * minute };
    const spec = specOf({ session: 's', name: 'c', expiry });
    const { artifact } = await store.uploads.create(tester, spec, Buffer.alloc(1_000, 3));
    const expires = iso(artifact.expireTime! + 75 * minute);
    expect(await told(store)).toEqual({
      message: `${MiB} bytes are free for contents, and ${10 * MiB} bytes must stay free; space is freed at ${expires} at the earliest, if the reaper runs`,
      time: expires,
    });

    store.clock.now += 5_000;
    const deleted = store.clock.now;
    expect(await store.store.artifacts.delete(tester, target('s', 'a'))).toBe(true);
    expect((await told(store)).time).toBe(iso(deleted + 75 * minute));

    store.clock.now = deleted + 16 * minute;
    const allowance = { limit: 1_000 };
    expect((await store.store.collection.collect(allowance, { findOrphans: false })).condemned).toBe(1);
    expect((await told(store)).time).toBe(iso(deleted + 76 * minute));
    store.clock.now = deleted + 80 * minute;
    expect((await told(store)).message).toMatch(/; space is freed when the reaper runs$/);
  });

  test('also where the disk itself refuses, of every upload', async () => {
    await using store = await open(0);
    const full = async () => {
      throw new Failure('STORAGE_FULL', 'no space left while staging', { cause: new Error('ENOSPC') });
    };
    const spec = specOf({ session: 's', name: 'x' });
    const refusal = {
      reason: 'STORAGE_FULL',
      message: expect.stringMatching(/^no space left while staging; no stored data will expire soon/),
      cause: expect.objectContaining({ message: 'ENOSPC' }),
    };
    store.blobs.stage = full;
    await expect(store.push('x', Buffer.alloc(1_000))).rejects.toMatchObject(refusal);
    const upload = await store.uploads.begin(tester, spec);
    if ('artifact' in upload) throw new Error('it has ended');
    await expect(upload.write(Buffer.alloc(1_000))).rejects.toMatchObject(refusal);
    await upload[Symbol.asyncDispose]();
  });

  test('and that it waits for an operator', async () => {
    await using store = await open(10 * MiB);
    await store.push('a', Buffer.alloc(1_000, 1));
    await store.store.artifacts.delete(tester, target('s', 'a'));
    await store.store.pauses.begin('inconsistent', 'nothing is collected');
    expect(await told(store)).toMatchObject({
      message: expect.stringMatching(
        /nothing is removed while maintenance is paused: "artifacta fsck" shows the cause and what ends the pause$/,
      ),
      time: undefined,
    });
  });

  test('is looked up once a second, and a failure to look is no failure to say', async () => {
    let looks = 0;
    let now = 5;
    const blobs = withBlobs(openMemoryBlobs(), { space: async () => ({ freeBytes: 1, totalBytes: 100 }) });
    const space = new Space(blobs, { now: () => now }, 10, {
      elapsed: () => now,
      nextRoom: async () => {
        looks++;
        throw new Error('unreadable');
      },
    });
    for (let time = 0; time < 5; time++) expect((await space.lack(1))?.message).toMatch(/must stay free$/);
    expect(looks).toBe(1);
    now += 1_000;
    await space.lack(1);
    expect(looks).toBe(2);
  });
});
