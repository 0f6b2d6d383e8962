/** A store over a bucket: what its index records of objects, and what it does about them. */
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type GcsBlobs, openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { keys } from '../../../src/index/keys.ts';
import { day, hour, minute, openCollected, type Rig } from '../../store/upkeep/collection-rig.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { inconsistencies } from '../../support/naive.ts';
import { startOfTime } from '../../support/service.ts';
import { content } from '../support.ts';

let fake: FakeGcs;
let blobs: GcsBlobs;
let rig: Rig;
let restorable: number;

beforeEach(async () => {
  fake = await FakeGcs.open();
  const clock = { now: startOfTime };
  fake.buckets.now = () => clock.now;
  blobs = await openGcsBlobs({
    address: { bucket: 'bucket', prefix: '' },
    endpoint: fake.endpoint,
    random: () => 0,
  });
  onTestFinished(async () => {
    blobs[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });
  await blobs.claimFor('store1');
  restorable = Number.POSITIVE_INFINITY;
  const options = { inlineBytesMax: 0, restorableTime: () => restorable };
  rig = await openCollected({ blobs, clock, options });
});

const bytes = content(50_000);
const objects = () =>
  [...fake.buckets.bucket('bucket').values()].filter(({ name }) => name.startsWith('blobs/'));
const kindsAfter = async (work: () => Promise<unknown>) => {
  const before = fake.seen.length;
  await work();
  return fake.seen.slice(before).map(({ kind }) => kind);
};

it('records the generation and the checksum of each object', async () => {
  await rig.push('a', bytes);
  const record = (await rig.all(keys.blobs.record))[0]!.value;
  const [object] = objects();
  expect(record).toMatchObject({ generation: object!.generation, crc32c: object!.crc32c });
  expect(await inconsistencies(rig.index, blobs)).toEqual([]);
});

it('pays one request for a push and one for a download, and looks at an object that it has already', async () => {
  expect(await kindsAfter(() => rig.push('a', bytes))).toEqual(['create']);
  expect(await kindsAfter(() => rig.read('a'))).toEqual(['read']);
  expect(await kindsAfter(() => rig.push('b', bytes))).toEqual(['facts']);
  expect(objects().length).toBe(1);
});

it('does not join a content that somebody has overwritten, and heals it', async () => {
  await rig.push('a', bytes);
  const { name, generation } = objects()[0]!;
  fake.buckets.put('bucket', { name, bytes: Buffer.from(content(50_000, 2)) });
  await expect(rig.read('a')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  await rig.push('b', bytes);
  expect(Buffer.compare(await rig.read('a'), bytes)).toBe(0);
  // The foreign object has the name of ours. Only the generation that the index knew is removed.
  expect(fake.object(name)!.generation).not.toBe(generation);
  rig.clock.now += 2 * hour;
  await rig.drain();
  expect(fake.object(name)).toBeDefined();
  // Later it is an object that no row names, one of few.
  await rig.push('c', content(1_000_000, 3));
  rig.clock.now += day;
  await rig.drain(true);
  rig.clock.now += hour;
  await rig.drain();
  expect(objects().length).toBe(2);
  expect(Buffer.compare(await rig.read('a'), bytes)).toBe(0);
});

it.each(['deleted', 'truncated'])(
  'takes an object that somebody has %s for lost, and heals it',
  async (how) => {
    await rig.push('a', bytes);
    const { name } = objects()[0]!;
    fake.buckets.bucket('bucket').delete(name);
    if (how === 'truncated') fake.buckets.put('bucket', { name, bytes: Buffer.from(bytes.subarray(0, 9)) });
    await expect(rig.read('a')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    await rig.push('b', bytes);
    expect(Buffer.compare(await rig.read('a'), bytes)).toBe(0);
  },
);

it.each(['overwritten', 'deleted'])(
  'reads what somebody has %s in a bucket that keeps old versions, and its own deletions leave none',
  async (how) => {
    fake.buckets.isVersioned = true;
    await rig.push('a', bytes);
    const { name, generation } = objects()[0]!;
    if (how === 'deleted') fake.buckets.delete('bucket', name, {});
    else fake.buckets.put('bucket', { name, bytes: Buffer.from(content(50_000, 2)) });
    expect(Buffer.compare(await rig.read('a'), bytes)).toBe(0);
    await rig.remove('a');
    rig.clock.now += 15 * minute;
    await rig.drain();
    rig.clock.now += hour;
    expect(await rig.drain()).toMatchObject({ removed: 1 });
    expect([...fake.buckets.old.values()].filter((old) => old.generation === generation)).toEqual([]);
    // The object of somebody else is not touched.
    expect(objects().length).toBe(how === 'deleted' ? 0 : 1);
  },
);

it('says nothing of the bytes, and quarantines none, while the bucket is down or forbidden', async () => {
  await rig.push('a', bytes);
  fake.forbidden.add('read');
  await expect(rig.read('a')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  fake.forbidden.clear();
  fake.buckets.buckets.set('elsewhere', fake.buckets.bucket('bucket'));
  fake.buckets.buckets.delete('bucket');
  await expect(rig.read('a')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  fake.buckets.buckets.set('bucket', fake.buckets.bucket('elsewhere'));
  expect(await rig.count(keys.blobs.quarantine)).toBe(0);
  expect(Buffer.compare(await rig.read('a'), bytes)).toBe(0);
});

it('collects by generation, and a lost answer is no failure', async () => {
  await rig.push('a', bytes);
  await rig.remove('a');
  rig.clock.now += 15 * minute;
  await rig.drain();
  const { value } = (await rig.all(keys.blobs.condemned))[0]!;
  expect(value.generation).toBe(objects()[0]!.generation);
  rig.clock.now += hour;
  fake.fail('delete', 'lost answer');
  expect(await rig.drain()).toMatchObject({ removed: 1, removedBytes: bytes.length });
  await rig.expectEmpty();
});

it('sweeps nothing that a restored index could name', async () => {
  await rig.push('a', bytes);
  await rig.remove('a');
  rig.clock.now += 15 * minute;
  restorable = rig.clock.now - 1;
  await rig.drain();
  rig.clock.now += 5 * hour;
  expect(await rig.drain()).toMatchObject({ removed: 0 });
  expect(objects().length).toBe(1);
  restorable += 1;
  expect(await rig.drain()).toMatchObject({ removed: 1 });
  await rig.expectEmpty();
});

it('goes on with a sweep past an object that a retention policy keeps', async () => {
  await rig.push('a', bytes);
  await rig.push('b', content(50_000, 2));
  for (const name of ['a', 'b']) await rig.remove(name);
  rig.clock.now += 15 * minute;
  await rig.drain();
  rig.clock.now += hour;
  fake.fail('delete', { status: 403, reason: 'retentionPolicyNotMet' });
  await expect(rig.collect()).rejects.toMatchObject({ message: expect.stringContaining('retention') });
  expect(objects().length).toBe(1);
  expect(blobs.trouble).toBeUndefined();
  await rig.drain();
  await rig.expectEmpty();
});

it('finds objects that no row names, a day after they were written by the clock of the bucket', async () => {
  await rig.push('a', bytes);
  await rig.orphan(1, content(300, 9));
  rig.clock.now += day - 1;
  expect(await rig.drain(true)).toMatchObject({ orphans: 0 });
  rig.clock.now += 1;
  expect(await rig.drain(true)).toMatchObject({ orphans: 1 });
  rig.clock.now += hour;
  expect(await rig.drain()).toMatchObject({ removed: 1 });
  expect(objects().length).toBe(1);
});

it('deletes nothing in a place that is not its own', async () => {
  await rig.push('a', bytes);
  await rig.remove('a');
  rig.clock.now += 15 * minute;
  await rig.drain();
  rig.clock.now += hour;
  const stored = [...fake.buckets.bucket('bucket')];
  fake.buckets.bucket('bucket').clear();
  await expect(rig.collect()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(await rig.count(keys.blobs.condemned)).toBe(1);
  for (const [name, object] of stored) fake.buckets.bucket('bucket').set(name, object);
  expect(await rig.drain()).toMatchObject({ removed: 1 });
});
