import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { FakeGcs } from '../../support/gcs/server.ts';
import { blobContract } from '../contract.ts';

blobContract('a bucket', async () => {
  const stack = new AsyncDisposableStack();
  const fake = stack.use(await FakeGcs.open());
  const address = { bucket: 'bucket', prefix: 'team/store' };
  const blobs = stack.use(await openGcsBlobs({ address, endpoint: fake.endpoint }));
  await blobs.claimFor('store1');
  return {
    blobs,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
});
