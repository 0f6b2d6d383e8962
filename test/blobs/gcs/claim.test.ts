/** The object that says to which store a place belongs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openGcsBlobs } from '../../../src/blobs/gcs/blobs.ts';
import { FakeGcs } from '../../support/gcs/server.ts';

const unavailable = { reason: 'STORE_UNAVAILABLE' };
const address = { bucket: 'bucket', prefix: 'team/store' };

let stack: AsyncDisposableStack;
let fake: FakeGcs;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  fake = stack.use(await FakeGcs.open());
});
afterEach(() => stack.disposeAsync());

describe('the claim', () => {
  it('belongs to the first store, and refuses all others', async () => {
    const blobs = stack.use(await openGcsBlobs({ address, endpoint: fake.endpoint }));
    await blobs.claimFor('store1');
    expect(await blobs.owner()).toBe('store1');
    const other = stack.use(await openGcsBlobs({ address, endpoint: fake.endpoint }));
    await expect(other.claimFor('store2')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('belongs to the store store1'),
    });
    await other.claimFor('store1');
  });

  it('goes to one of two stores that come at once', async () => {
    const places = await Promise.all(
      ['a', 'b'].map(async (id) => {
        const place = stack.use(
          await openGcsBlobs({ address: { bucket: 'bucket', prefix: 'new' }, endpoint: fake.endpoint }),
        );
        return place.claimFor(id).then(
          () => id,
          () => undefined,
        );
      }),
    );
    expect(places.filter((id) => id !== undefined)).toEqual([await ownerOf('new')]);
  });

  it('survives a lost answer to its own writing', async () => {
    fake.fail('create', 'lost answer');
    const place = stack.use(
      await openGcsBlobs({
        address: { bucket: 'bucket', prefix: 'new' },
        endpoint: fake.endpoint,
        random: () => 0,
      }),
    );
    await place.claimFor('a');
    expect(await place.owner()).toBe('a');
  });

  it.each(['not JSON', '{"format":2,"storeId":"a"}', '{}'])('is not understood as %s', async (text) => {
    fake.buckets.put('bucket', { name: 'new/artifacta-store.json', bytes: Buffer.from(text) });
    await expect(ownerOf('new')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('is not understood'),
    });
  });

  async function ownerOf(prefix: string) {
    const place = stack.use(
      await openGcsBlobs({ address: { bucket: 'bucket', prefix }, endpoint: fake.endpoint }),
    );
    return await place.owner();
  }
});
