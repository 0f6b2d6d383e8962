/** URLs to which others send the bytes of a blob: what they allow, and what becomes of the bytes. */
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type GcsBlobs, openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { someBytes } from '../../support/calls.ts';
import { FakeGcs } from '../../support/gcs/server.ts';

const name = 'ns1/0a/upload-1';
const bytes = Buffer.from(someBytes(300_000));

let fake: FakeGcs;
let blobs: GcsBlobs;

beforeEach(async () => {
  fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  blobs = await openGcsBlobs({
    address: { bucket: 'bucket', prefix: 'store' },
    endpoint: fake.endpoint,
    operationMs: 100,
  });
  onTestFinished(() => blobs[Symbol.dispose]());
  await blobs.claimFor('store1');
  await blobs.prepareNamespace('ns1');
});

async function send(url: string, content: Buffer): Promise<number> {
  const headers = { 'content-range': `bytes 0-${content.length - 1}/${content.length}` };
  const answer = await fetch(url, { method: 'PUT', headers, body: Uint8Array.from(content) });
  await answer.text();
  return answer.status;
}

it('make a blob like any other, once', async () => {
  const url = await blobs.uploadUrl(name, bytes.length);
  expect(await blobs.stat(name)).toBeUndefined();
  expect(await send(url, bytes)).toBe(200);
  const stat = await blobs.stat(name);
  expect(stat).toMatchObject({ sizeBytes: bytes.length, generation: expect.stringMatching(/^\d+$/) });
  const read = await Array.fromAsync(blobs.read(name, 0, bytes.length, undefined, stat!.generation));
  expect(Buffer.concat(read).equals(bytes)).toBe(true);
  expect(await Array.fromAsync(blobs.list('ns1'))).toEqual([name]);
  // The same URL knows that it is complete, and takes nothing else.
  expect(await send(url, Buffer.from(someBytes(300_000, 2)))).toBe(200);
  expect((await blobs.stat(name))!.generation).toBe(stat!.generation);
  await blobs.delete(name, stat!.generation);
  expect(await blobs.stat(name)).toBeUndefined();
});

it('are not made for a name that exists, and do not overwrite one that came meanwhile', async () => {
  const [first, second] = [await blobs.uploadUrl(name, 300_000), await blobs.uploadUrl(name, 300_000)];
  expect(await send(first, bytes)).toBe(200);
  expect(await send(second, Buffer.from(someBytes(300_000, 2)))).toBe(412);
  await expect(blobs.uploadUrl(name, 300_000)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(fake.object(`store/blobs/${name}`)!.bytes.equals(bytes)).toBe(true);
});

it('take only the size that they were made for', async () => {
  const url = await blobs.uploadUrl(name, 299_999);
  expect(await send(url, bytes)).toBe(400);
  expect(await blobs.stat(name)).toBeUndefined();
});

it('are not made if the bucket forbids it or fails, which says nothing of the URL', async () => {
  fake.forbidden.add('begin');
  await expect(blobs.uploadUrl(name, 1)).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('may not be used (create): 403'),
  });
  fake.forbidden.clear();
  fake.isDown = true;
  await expect(blobs.uploadUrl(name, 1)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  fake.isDown = false;
  expect(await send(await blobs.uploadUrl(name, 300_000), bytes)).toBe(200);
});

it('are not waited for by a caller that gives up', async () => {
  const given = AbortSignal.abort(new Error('given up'));
  await expect(blobs.uploadUrl(name, 1, given)).rejects.toThrow('given up');
});
