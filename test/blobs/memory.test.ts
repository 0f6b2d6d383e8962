import { expect, it } from 'vitest';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { blobContract } from './contract.ts';
import { content, publish } from './support.ts';

blobContract('memory', async () => ({
  blobs: openMemoryBlobs(),
  [Symbol.asyncDispose]: async () => {},
}));

it('dates blobs by the clock it was given', async () => {
  const blobs = openMemoryBlobs({ now: () => 1234 });
  await blobs.prepareNamespace('ns');
  await publish(blobs, 'ns/00/u', content(3));
  expect(await blobs.stat('ns/00/u')).toEqual({ sizeBytes: 3, modifyTimeMs: 1234 });
});
