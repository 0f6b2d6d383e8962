/** The blob store in a bucket, against fake-gcs-server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGcsBlobs } from '../../src/blobs/gcs/blobs.ts';
import { blobContract } from '../blobs/contract.ts';
import { all, collect, content, expectSame, publish } from '../blobs/support.ts';
import { bucket, Emulator, FaultyProxy } from './emulator.ts';

let emulator: Emulator;
let proxy: FaultyProxy;
beforeAll(async () => {
  emulator = await Emulator.start();
  proxy = await FaultyProxy.start(emulator.url);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await emulator[Symbol.asyncDispose]();
});

let prefixes = 0;
async function open() {
  const address = { bucket, prefix: `store-${prefixes++}` };
  const options = { address, endpoint: proxy.url, stallMs: 1_000, random: () => 0 };
  const blobs = await openGcsBlobs(options);
  await blobs.claimFor('store1');
  await blobs.prepareNamespace('ns1');
  return blobs;
}

blobContract('a bucket of fake-gcs-server', async () => {
  const blobs = await open();
  return {
    blobs,
    async [Symbol.asyncDispose]() {
      blobs[Symbol.dispose]();
    },
  };
});

const name = 'ns1/0a/upload-1';
const MiB = 1024 * 1024;
const isCreate = ({ url }: { url?: string | undefined }) => url!.includes('uploadType=multipart');

describe('a bucket of fake-gcs-server, through a proxy that fails', () => {
  it.each([{ status: 503 }, { status: 429 }, 'reset', 'lost answer', 'stall'] as const)(
    'creates once after %j, twice',
    async (fault) => {
      using blobs = await open();
      proxy.fail(isCreate, fault, 2);
      await publish(blobs, name, content(100_000));
      expectSame(await collect(blobs.read(name, 0, 100_000)), content(100_000));
      expect(await all(blobs.list('ns1'))).toEqual([name]);
    },
  );

  it('reads on after answers that end early', async () => {
    using blobs = await open();
    const bytes = content(3 * MiB);
    await publish(blobs, name, bytes);
    proxy.fail(({ url }) => url!.includes('alt=media'), { cutAfter: 1_500_000 }, 1);
    proxy.fail(({ url }) => url!.includes('alt=media'), { cutAfter: 10 }, 1);
    expectSame(await collect(blobs.read(name, 0, bytes.length)), bytes);
  });

  it('takes the end of a large content for done when only its answer was lost', async () => {
    using blobs = await open();
    const bytes = content(9 * MiB);
    proxy.fail(
      ({ method, headers }) => method === 'PUT' && /\/9437184$/.test(headers['content-range'] ?? ''),
      'lost answer',
    );
    await publish(blobs, name, bytes);
    expectSame(await collect(blobs.read(name, 0, bytes.length)), bytes);
  });

  it('leaves nothing under the name when an upload in pieces goes wrong', async () => {
    // This server takes the question how many bytes it has for the end of the upload. So it keeps a wrong object, which
    // is noticed by its size and checksum, and removed.
    using blobs = await open();
    proxy.fail(({ method }) => method === 'PUT', { status: 503 });
    await expect(publish(blobs, name, content(9 * MiB))).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
    });
    expect(await blobs.stat(name)).toBeUndefined();
    expect(blobs.stagedCount).toBe(0);
  });

  it('deletes by generation, again and again, and nothing else', async () => {
    using blobs = await open();
    await using first = await blobs.stage(name);
    await first.write(content(10, 1));
    const version = (await first.commit())!;
    await blobs.delete(name, String(BigInt(version.generation) + 1n));
    expect(await blobs.stat(name)).toMatchObject(version);
    proxy.fail(({ method }) => method === 'DELETE', 'lost answer');
    await blobs.delete(name, version.generation);
    await publish(blobs, name, content(10, 2));
    await blobs.delete(name, version.generation);
    expectSame(await collect(blobs.read(name, 0, 10)), content(10, 2));
    expect(await blobs.stat(name, version.generation)).toBeUndefined();
  });

  it('refuses the place of another store', async () => {
    using blobs = await open();
    await expect(blobs.claimFor('store2')).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('belongs to the store store1'),
    });
  });

  it('comes back by itself after the bucket was down', async () => {
    using blobs = await open();
    await publish(blobs, name, content(10));
    proxy.isDown = true;
    await expect(collect(blobs.read(name, 0, 10))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    proxy.isDown = false;
    expectSame(await collect(blobs.read(name, 0, 10)), content(10));
  });
});
