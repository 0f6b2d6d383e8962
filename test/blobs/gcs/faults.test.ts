/** A bucket that fails on command. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GcsBlobs, openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { collect, content, expectSame, publish } from '../support.ts';

const MiB = 1024 * 1024;
const name = 'ns1/0a/upload-1';
const objectName = `team/store/blobs/${name}`;
const unavailable = { reason: 'STORE_UNAVAILABLE' };

let stack: AsyncDisposableStack;
let fake: FakeGcs;
let blobs: GcsBlobs;

const address = { bucket: 'bucket', prefix: 'team/store' };
async function open(options: Partial<Parameters<typeof openGcsBlobs>[0]> = {}): Promise<GcsBlobs> {
  const opened = stack.use(
    await openGcsBlobs({ address, endpoint: fake.endpoint, stallMs: 300, random: () => 0, ...options }),
  );
  await opened.claimFor('store1');
  await opened.prepareNamespace('ns1');
  return opened;
}

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  fake = stack.use(await FakeGcs.open());
  blobs = await open();
});
afterEach(() => stack.disposeAsync());

describe('an upload of one request', () => {
  it.each([
    { status: 503 },
    { status: 429, retryAfter: 0 },
    { status: 403, reason: 'rateLimitExceeded' },
    'reset',
    'lost answer',
    'stall',
  ] as const)('survives %j, twice', async (fault) => {
    fake.fail('create', fault, 2);
    await publish(blobs, name, content(100_000));
    expectSame(await collect(blobs.read(name, 0, 100_000)), content(100_000));
    expect(fake.count('create')).toBe(4); // one for the claim
    expect(blobs.traffic.retries).toBe(2);
    expect(blobs.trouble).toBeUndefined();
  });

  it('costs one request, and its reading one', async () => {
    const before = fake.seen.length;
    await publish(blobs, name, content(8 * MiB));
    expect(fake.seen.slice(before).map(({ kind }) => kind)).toEqual(['create']);
    const { generation } = fake.object(objectName)!;
    await collect(blobs.read(name, 0, 8 * MiB, undefined, generation));
    expect(fake.seen.slice(before).map(({ kind }) => kind)).toEqual(['create', 'read']);
  });

  it('returns the version of the object, as a later look does', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(1000));
    const { generation, crc32c } = fake.object('team/store/artifacta-store.json')!;
    const version = await staged.commit();
    expect(version).toEqual({
      generation: fake.object(objectName)!.generation,
      crc32c: fake.object(objectName)!.crc32c,
    });
    expect(version).not.toEqual({ generation, crc32c });
    expect(await blobs.stat(name)).toMatchObject(version!);
    expect(await blobs.stat(name, generation)).toBeUndefined();
  });

  it('is refused, and leaves nothing, if the bucket has other bytes than were sent', async () => {
    fake.fail('create', 'corrupt');
    await expect(publish(blobs, name, content(1000))).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('other bytes'),
    });
    expect(fake.object(objectName)).toBeUndefined();
  });
});

describe('an object that exists already', () => {
  it('is a bug if this process has used the name', async () => {
    await publish(blobs, name, content(10, 1));
    await expect(publish(blobs, name, content(10, 1))).rejects.toMatchObject({
      reason: 'INTERNAL',
      message: expect.stringContaining('exists already'),
    });
    expectSame(await collect(blobs.read(name, 0, 10)), content(10, 1));
  });

  it('is another writer, even with the same bytes, and its object stays', async () => {
    const other = await open();
    await publish(other, name, content(10));
    await expect(publish(blobs, name, content(10))).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('another process has written'),
    });
    expectSame(await collect(blobs.read(name, 0, 10)), content(10));
  });

  it('is another writer at the end of a large upload too, which is cancelled', async () => {
    const other = await open();
    await using staged = await blobs.stage(name);
    await staged.write(content(9 * MiB));
    await publish(other, name, content(10));
    await expect(staged.commit()).rejects.toMatchObject(unavailable);
    await staged.discard();
    expectSame(await collect(blobs.read(name, 0, 10)), content(10));
    expect(fake.buckets.sessions.size).toBe(0);
  });
});

describe('an upload in pieces', () => {
  it.each([
    { status: 503 },
    { status: 429, retryAfter: 0 },
    'reset',
    'lost answer',
    'stall',
    { keeps: 3 * 256 * 1024 },
  ] as const)('survives %j at its pieces', async (fault) => {
    fake.fail('put', fault, 2);
    const bytes = content(20 * MiB + 77);
    await publish(blobs, name, bytes, 500_001);
    expectSame(fake.object(objectName)!.bytes, bytes);
  });

  it.each(['lost answer', { status: 503 }] as const)('survives %j at its begin', async (fault) => {
    fake.fail('begin', fault, 2);
    await publish(blobs, name, content(9 * MiB));
    expectSame(fake.object(objectName)!.bytes, content(9 * MiB));
  });

  it('survives a lost answer to its end, after which the bucket does not know the upload', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(9 * MiB));
    await expect.poll(() => fake.count('put')).toBe(1);
    fake.fail('put', 'lost answer');
    fake.fail('progress', { status: 404, reason: 'notFound' });
    await staged.commit();
    expectSame(fake.object(objectName)!.bytes, content(9 * MiB));
  });

  it('fails if the bucket has forgotten it', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(9 * MiB));
    await expect.poll(() => fake.count('put')).toBe(1);
    fake.buckets.sessions.clear();
    await expect(staged.commit()).rejects.toMatchObject(unavailable);
  });

  it('fails in the same way if it has forgotten a piece that is not the last', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(9 * MiB));
    await expect.poll(() => fake.count('put')).toBe(1);
    fake.buckets.sessions.clear();
    const written = staged.write(content(9 * MiB)).then(() => staged.commit());
    await expect(written).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('has lost the upload; upload again'),
    });
  });

  it('is refused, and leaves nothing, if the bucket has other bytes than were sent', async () => {
    fake.fail('put', 'corrupt');
    await expect(publish(blobs, name, content(9 * MiB))).rejects.toMatchObject(unavailable);
    expect(fake.object(objectName)).toBeUndefined();
  });

  it('is cancelled when it is discarded', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(17 * MiB));
    await staged.discard();
    expect(fake.buckets.sessions.size).toBe(0);
    expect(fake.count('cancel')).toBe(1);
    expect(blobs.traffic).toMatchObject({ bufferedBytes: 0, waiting: 0 });
  });

  it('ends when the signal of its call is aborted', async () => {
    const call = new AbortController();
    fake.fail('put', 'stall', 100);
    const staged = await blobs.stage(name, call.signal);
    const written = staged.write(content(40 * MiB));
    await expect.poll(() => fake.count('put')).toBeGreaterThan(0);
    call.abort(new Error('the client has left'));
    await expect(written).rejects.toMatchObject({ reason: 'CANCELLED' });
    await staged.discard();
    expect(blobs.traffic).toMatchObject({ bufferedBytes: 0, waiting: 0 });
  });
});

describe('the memory of uploads', () => {
  it('is bounded, whatever number of uploads is in progress', async () => {
    const tight = await open({ memoryBytesMax: 4 * MiB });
    const uploads = Array.from({ length: 30 }, (_, n) => ({
      name: `ns1/0a/u${n}`,
      bytes: content(3 * MiB + n, n),
    }));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, tight.traffic.bufferedBytes);
    }, 1);
    await Promise.all(uploads.map((one) => publish(tight, one.name, one.bytes, 300_000)));
    clearInterval(watch);
    expect(most).toBeGreaterThan(MiB);
    expect(most).toBeLessThanOrEqual(4 * MiB);
    expect(tight.traffic).toMatchObject({ bufferedBytes: 0, waiting: 0 });
    for (const one of uploads) expectSame(fake.object(`team/store/blobs/${one.name}`)!.bytes, one.bytes);
  });

  it('goes to the next upload when one is discarded', async () => {
    const tight = await open({ memoryBytesMax: MiB / 4 });
    const first = await tight.stage('ns1/00/first');
    await first.write(content(1));
    const second = await tight.stage('ns1/00/second');
    const written = second.write(content(1));
    expect(tight.traffic.waiting).toBe(1);
    await first.discard();
    await written;
    await second.commit();
    expect(tight.traffic).toMatchObject({ bufferedBytes: 0, waiting: 0 });
  });
});

describe('a reading', () => {
  it.each([
    { cutAfter: 1_500_000 },
    { cutAfter: 10, end: 'stall' },
    { cutAfter: 0 },
    { status: 503 },
    'lost answer',
  ] as const)('goes on after %j, twice', async (fault) => {
    const bytes = content(3 * MiB + 9);
    await publish(blobs, name, bytes);
    fake.fail('read', fault, 2);
    expectSame(await collect(blobs.read(name, 5, bytes.length - 5)), bytes.subarray(5));
  });

  it('of an object that was replaced is not a reading of the new bytes', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(100, 1));
    const { generation } = (await staged.commit())!;
    fake.buckets.put('bucket', { name: objectName, bytes: Buffer.from(content(100, 2)) });
    const reading = collect(blobs.read(name, 0, 100, undefined, generation));
    await expect(reading).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    // The object of somebody else is not removed with ours.
    await blobs.delete(name, generation);
    expect(fake.object(objectName)).toBeDefined();
  });

  it('tells an object that is gone from a bucket that is gone', async () => {
    await expect(collect(blobs.read(name, 0, 1))).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    fake.buckets.buckets.delete('bucket');
    const gone = { ...unavailable, message: expect.stringContaining('gs://bucket/team/store') };
    await expect(collect(blobs.read(name, 0, 1))).rejects.toMatchObject(gone);
    await expect(blobs.stat(name)).rejects.toMatchObject(gone);
    await expect(blobs.delete(name)).rejects.toMatchObject(gone);
    const missing = {
      ...unavailable,
      message: expect.stringMatching(/store does not exist: make it, or give .*--blobs/),
    };
    await expect(publish(blobs, name, content(10))).rejects.toMatchObject(missing);
    await expect(publish(blobs, name, content(9 * MiB))).rejects.toMatchObject(missing);
    await expect(Array.fromAsync(blobs.list('ns1'))).rejects.toMatchObject(missing);
    await expect(blobs.exports().list()).rejects.toMatchObject(missing);
    expect(blobs.trouble).toBeUndefined();
  });
});

describe('a bucket that forbids its use', () => {
  it.each(['create', 'read', 'list', 'delete'] as const)(
    'makes the trouble known when it forbids to %s, and says nothing about the bytes',
    async (kind) => {
      const changes: (string | undefined)[] = [];
      const watched = await open({ onTrouble: () => changes.push(watched.trouble) });
      await publish(watched, name, content(10));
      fake.forbidden.add(kind);
      const calls = {
        create: () => publish(watched, 'ns1/00/u', content(10)),
        read: () => collect(watched.read(name, 0, 10)),
        list: () => Array.fromAsync(watched.list('ns1')),
        delete: () => watched.delete(name),
      };
      await expect(calls[kind]()).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringMatching(/may not be used.*permission/),
      });
      expect(watched.trouble).toMatch(/gs:\/\/bucket\/team\/store may not be used/);
      expect(changes).toEqual([watched.trouble]);
    },
  );

  it('is used again when it allows it, without a call', async () => {
    let probe = () => {};
    const after = (delayMs: number, task: () => void) => {
      if (delayMs === 5_000) probe = task;
      return () => {};
    };
    const watched = await open({ after });
    fake.forbidden.add('create');
    await expect(publish(watched, name, content(10))).rejects.toMatchObject(unavailable);
    probe();
    await expect.poll(() => fake.count('create')).toBe(3);
    expect(watched.trouble).toBeDefined();
    fake.forbidden.clear();
    const tryAgain = () => {
      probe();
      return watched.trouble;
    };
    await expect.poll(tryAgain).toBeUndefined();
    await expect.poll(() => fake.count('delete')).toBeGreaterThan(0);
    expect([...fake.buckets.bucket('bucket').keys()]).toEqual(['team/store/artifacta-store.json']);
  });

  it.each([
    [
      403,
      'a@p.iam.gserviceaccount.com does not have storage.objects.get access (or it may not exist)',
      /another project/,
    ],
    [403, 'The billing account for the owning project is disabled in state absent', /billing account/],
    [400, 'Bucket is a requester pays bucket but no user project provided.', /requester pays/],
  ])('says what to do about a bucket of another project: %i %s', async (status, message, said) => {
    fake.fail('read', { status, reason: status === 403 ? 'forbidden' : 'required', message });
    const reading = collect(blobs.read(name, 0, 1));
    await expect(reading).rejects.toMatchObject({ ...unavailable, message: expect.stringMatching(said) });
  });

  it('keeps an object under a retention policy, which is not trouble', async () => {
    await publish(blobs, name, content(10));
    fake.buckets.isLocked = true;
    await expect(blobs.delete(name)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('retention'),
    });
    // Nothing is overwritten, so pushes, exports and readings go on.
    await publish(blobs, 'ns1/0a/upload-2', content(10));
    expectSame(await collect(blobs.read(name, 0, 10)), content(10));
    expect(blobs.trouble).toBeUndefined();
  });
});

describe('a bucket that is down', () => {
  it('fails every call within its time, with few retries, and is used again by itself', async () => {
    const limited = await open({ operationMs: 400 });
    await publish(limited, name, content(10));
    fake.isDown = true;
    const before = fake.seen.length;
    const calls = Array.from({ length: 200 }, () =>
      collect(limited.read(name, 0, 10)).then(
        () => 'read',
        () => 'failed',
      ),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['failed']));
    // At most 20 retries, or one for ten requests.
    expect(fake.seen.length - before).toBeLessThanOrEqual(200 + 20 + 2);
    fake.isDown = false;
    expectSame(await collect(limited.read(name, 0, 10)), content(10));
  });

  it('fails a call in its time if no answer comes', async () => {
    const limited = await open({ operationMs: 300, stallMs: 10_000 });
    fake.fail('facts', 'stall');
    await expect(limited.stat(name)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('did not answer in time'),
    });
  });
});

describe('a file of the index whose commit has failed, although its object is whole', () => {
  async function* piece() {
    yield Buffer.from('batches');
  }
  const left = (end: string) =>
    [...fake.buckets.bucket('bucket').keys()].filter((key) => key.endsWith(end)).length;

  it('stays, if it is a segment: another replica may have found it, and removed what it has', async () => {
    const limited = await open({ operationMs: 300, stallMs: 10_000 });
    fake.fail('create', 'done, stall');
    await expect(limited.segments().write('000.segment', 'store1', piece())).rejects.toMatchObject(
      unavailable,
    );
    expect(left('000.segment')).toBe(1);
  });

  it('goes, if it is an export, which gets another name at the next try', async () => {
    const limited = await open({ operationMs: 300, stallMs: 10_000 });
    fake.fail('create', 'done, stall');
    await expect(limited.exports().write('000.index', 'store1', piece())).rejects.toMatchObject(unavailable);
    expect(left('000.index')).toBe(0);
  });
});
