/** Calls reach the store that is open when they begin, or are told that none is. */
import { create, type DescMethodUnary } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { MemoryHome } from '../../src/index/memory/home.ts';
import { StoreHost } from '../../src/store/custody/host.ts';
import { refusal } from '../support/calls.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { specOf, tester } from '../support/specs.ts';

async function served() {
  const blobs = openMemoryBlobs();
  const host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const all = routes({ store: () => host.store, host, onCall: () => {}, elapsed: () => 0 });
  return { host, transport: createRouterTransport(all) };
}

/** What works while no store is open. Each of these finds out by itself what it needs. */
const withoutStore = ['getStoreStatus', 'resumeMaintenance', 'acceptLoss', 'export'];

const unary = [ArtifactService, SessionService, AdminService, MaintenanceService].flatMap(({ methods }) =>
  methods.filter((method): method is typeof method & DescMethodUnary => method.methodKind === 'unary'),
);

describe('while no store is open', () => {
  it.each(unary.filter(({ localName }) => !withoutStore.includes(localName)).map((one) => [one.name, one]))(
    '%s says so',
    async (_name, method) => {
      const { host, transport } = await served();
      await host[Symbol.asyncDispose]();
      const call = transport.unary(method, undefined, undefined, undefined, create(method.input));
      expect((await refusal(call)).reason).toBe('SHUTTING_DOWN');
    },
  );

  it('the methods that need none answer', async () => {
    const { host, transport } = await served();
    await host[Symbol.asyncDispose]();
    const admin = createClient(AdminService, transport);
    expect((await admin.getStoreStatus({})).status).toBeDefined();
    const maintenance = createClient(MaintenanceService, transport);
    expect((await refusal(maintenance.export({}))).reason).toBe('EXPORT_NOT_CONFIGURED');
  });
});

it('a call after an import reaches the new store', async () => {
  const { host, transport } = await served();
  const sessions = createClient(SessionService, transport);
  const parts = await Array.fromAsync(host.exportIndex());
  await host.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('x'));
  expect((await sessions.listSessions({})).sessions).toHaveLength(1);
  async function* exported() {
    yield* parts;
  }
  await host.importIndex(exported(), true);
  expect((await sessions.listSessions({})).sessions).toEqual([]);
});
