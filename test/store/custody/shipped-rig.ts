/** Batches and the place that they are shipped to, for tests. */
import { onTestFinished } from 'vitest';
import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { encodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Entry, Write } from '../../../src/index/row.ts';
import type { ShippedBatch } from '../../../src/store/custody/segments.ts';
import { FakeGcs } from '../../support/gcs/server.ts';

export const storeId = 'a1';

/** A bucket, and what is shipped to it; both end with the test. */
export async function openShipped() {
  const fake = await FakeGcs.open();
  const address = { bucket: 'bucket', prefix: '' };
  const blobs = await openGcsBlobs({ address, endpoint: fake.endpoint, random: () => 0, operationMs: 5_000 });
  onTestFinished(async () => {
    blobs[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });
  return { fake, shipped: { exports: blobs.exports(), segments: blobs.segments() } };
}

export const row = (name: string, value: unknown): Entry => [
  keys.store.setting.key(name),
  keys.store.setting.encode(value),
];
export const put = (name: string, value: unknown): Write => {
  const [key, bytes] = row(name, value);
  return { type: 'put', key, value: encodeRow(key, bytes) };
};
export const del = (name: string): Write => ({ type: 'del', key: keys.store.setting.key(name) });
export const batch = (seq: number, ...writes: Write[]): ShippedBatch => ({
  commit: { seq, time: seq * 1_000 },
  writes,
});
