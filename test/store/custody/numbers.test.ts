/** The numbers of commits after a restore, by which segments are named. */
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { specOf, tester } from '../../support/specs.ts';

it('go on after everything that was shipped, though the restore has less', async () => {
  const blobs = openMemoryBlobs();
  const host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    shippedCommit: async () => 5_000,
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  await host.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('x'));
  const parts = await Array.fromAsync(host.exportIndex());
  const [header] = parts;
  expect(header).toMatchObject({ kind: 'header', header: { commit: (await host.status()).commit } });
  async function* stream() {
    yield* parts;
  }
  await host.importIndex(stream(), true);
  expect((await host.status()).commit).toBeGreaterThan(5_000);
});
