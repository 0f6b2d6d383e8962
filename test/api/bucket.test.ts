import { afterAll } from 'vitest';
import { openGcsBlobs } from '../../src/blobs/gcs/blobs.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import { type OpenService, openMemoryService } from '../support/service.ts';
import { suitesThrough } from './suites.ts';

const opened = new AsyncDisposableStack();
afterAll(() => opened.disposeAsync());

const openBucketService: OpenService = async (options) => {
  const fake = await FakeGcs.open();
  const address = { bucket: 'bucket', prefix: 'store' };
  const blobs = await openGcsBlobs({ address, endpoint: fake.endpoint });
  opened.use(fake);
  opened.use(blobs);
  await blobs.claimFor('store1');
  return await openMemoryService({ blobs, ...options });
};

suitesThrough('a store in a bucket', openBucketService);
