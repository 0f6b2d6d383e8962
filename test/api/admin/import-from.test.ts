/** ImportIndex from the place of the service's own exports: what is refused. */
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { routes } from '../../../src/api/routes.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { memoryExports } from '../../../src/blobs/memory-exports.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import type { ExportPlace } from '../../../src/store/custody/exports.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { refusal } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';

async function open(exportPlace: ExportPlace | undefined) {
  const blobs = openMemoryBlobs();
  const host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const all = routes({
    store: () => host.store,
    host,
    exportPlace,
    version: '1',
    onCall: () => {},
    elapsed: () => performance.now(),
  });
  const admin = createClient(AdminService, createRouterTransport(all));
  return (message: object) =>
    refusal(
      admin.importIndex(
        (async function* () {
          yield message;
        })(),
      ),
    );
}

const exports = memoryExports();
const place = { name: 'gs://bucket/a', exports, segments: memoryExports() };
const header = { part: { case: 'header', value: { formatVersion: 1 } } };

it.each([
  ['no place', undefined, { from: 'gs://bucket/a' }, /no place of its own/],
  ['a place for exports alone', { name: 'd', exports }, { from: 'd' }, /no place of its own/],
  [
    'another place',
    place,
    { from: 'gs://bucket/b' },
    /must be the place of this service's exports, gs:\/\/bucket\/a/,
  ],
  ['a part too', place, { from: 'gs://bucket/a', part: header }, /cannot be given with a part/],
] as const)('is refused with %s', async (_title, of, message, expected) => {
  const refused = await (await open(of))(message);
  expect(refused).toMatchObject({ reason: 'INVALID_ARGUMENT', fields: ['from'] });
  expect(refused.message).toMatch(expected);
});

it('is refused if the place has no whole export', async () => {
  const refused = await (await open(place))({ from: 'gs://bucket/a' });
  expect(refused).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(refused.message).toMatch(/no whole export/);
});
