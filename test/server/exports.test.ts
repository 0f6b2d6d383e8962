/** MaintenanceService.Export: who may call it by which listener, what it answers, and to bad input. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { routes } from '../../src/api/routes.ts';
import type { ExportFiles } from '../../src/blobs/export-files.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { memoryExports } from '../../src/blobs/memory-exports.ts';
import { MemoryHome } from '../../src/index/memory/home.ts';
import { StoreHost } from '../../src/store/custody/host.ts';
import { refusal } from '../support/calls.ts';
import { removeDirectory } from '../support/directories.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { specOf, tester } from '../support/specs.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

async function opened(exportFiles: ExportFiles | undefined = memoryExports()) {
  const blobs = openMemoryBlobs();
  const host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  await host.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('x'));
  return { host, all: routesOver(host, exportFiles) };
}

function routesOver(host: StoreHost, exportFiles: ExportFiles | undefined) {
  return routes({
    store: () => host.store,
    host,
    exportPlace: exportFiles && { name: 'exports', exports: exportFiles },
    version: '1.2.3',
    onCall: () => {},
    elapsed: () => performance.now(),
  });
}

const maintenanceOf = (transport: Transport) => createClient(MaintenanceService, transport);

async function served() {
  const { all } = await opened();
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-export-listeners-'));
  const server = await startTestServer(all, {
    socket: join(directory, 'run', 'sock'),
    http: { host: '127.0.0.1', port: 0 },
  });
  const [network, socket] = [
    openTransport(server.addresses.grpc),
    openTransport(`unix:${server.addresses.socket}`),
  ];
  onTestFinished(async () => {
    for (const one of [network, socket]) one[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    removeDirectory(directory);
  });
  return {
    local: [createRouterTransport(all), socket.transport],
    remote: [network.transport, openHttpTransport('Connect', `http://${server.addresses.http}`)],
  };
}

describe('Export', () => {
  it('is for operators: in the process and over the socket, not on the network', async () => {
    const { local, remote } = await served();
    for (const transport of remote)
      await expect(maintenanceOf(transport).export({})).rejects.toMatchObject({
        code: Code.PermissionDenied,
      });
    for (const [at, transport] of local.entries()) {
      const admin = createClient(AdminService, transport);
      const before = (await admin.getStoreStatus({})).status!.lastExportTime;
      expect(before === undefined).toBe(at === 0);
      const answer = await maintenanceOf(transport).export({ minAge: { seconds: 0n } });
      expect(answer).toMatchObject({ written: true, removedCount: 0 });
      expect(answer.path).toMatch(/^exports\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.index$/);
      expect(answer.rowCount).toBeGreaterThan(5n);
      expect(answer.sizeBytes).toBeGreaterThan(500n);
      expect((await admin.getStoreStatus({})).status!.lastExportTime).toEqual(answer.createTime);
      // Within the hour.
      expect(await maintenanceOf(transport).export({})).toEqual({ ...answer, written: false });
    }
  });

  it('names the field that is wrong', async () => {
    const { local } = await served();
    const wrong = [
      [{ keep: -1 }, 'keep'],
      [{ keep: 1_001 }, 'keep'],
      [{ minAge: { seconds: -1n } }, 'min_age'],
      [{ minAge: { seconds: 1n, nanos: -1 } }, 'min_age'],
    ] as const;
    for (const transport of local)
      for (const [request, field] of wrong)
        expect(await refusal(maintenanceOf(transport).export(request))).toMatchObject({
          reason: 'INVALID_ARGUMENT',
          fields: [field],
        });
  });

  it('says so where nothing is configured, and so does the status', async () => {
    const { host } = await opened();
    const transport = createRouterTransport(routesOver(host, undefined));
    expect(await refusal(maintenanceOf(transport).export({}))).toMatchObject({
      reason: 'EXPORT_NOT_CONFIGURED',
    });
    const { status } = await createClient(AdminService, transport).getStoreStatus({});
    expect(status!.lastExportTime).toBeUndefined();
  });

  it('goes on when its call has ended, and the next call finds it', async () => {
    const memory = memoryExports();
    const gate = Promise.withResolvers<void>();
    const writing = Promise.withResolvers<void>();
    const files: ExportFiles = {
      ...memory,
      write: (name, owner, bytes, onWritten) =>
        memory.write(name, owner, bytes, async () => {
          writing.resolve();
          await gate.promise;
          await onWritten?.();
        }),
    };
    const { all } = await opened(files);
    const client = maintenanceOf(createRouterTransport(all));
    const caller = new AbortController();
    const given = client.export({}, { signal: caller.signal });
    await writing.promise;
    caller.abort();
    await expect(given).rejects.toMatchObject({ code: Code.Canceled });
    const next = client.export({});
    gate.resolve();
    expect(await next).toMatchObject({ written: false });
    expect(await memory.list()).toHaveLength(1);
  });
});
