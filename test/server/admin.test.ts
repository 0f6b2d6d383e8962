/** AdminService: who may call it by which listener, and what it answers to bad input. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { StorePause_Cause, StoreStatus_State } from '../../gen/artifacta/v1/store_pb.ts';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { MemoryHome } from '../../src/index/memory/home.ts';
import { StoreHost } from '../../src/store/custody/host.ts';
import { formatVersion } from '../../src/store/format.ts';
import { refusal } from '../support/calls.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { specOf, tester } from '../support/specs.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

let host: StoreHost;
beforeEach(async () => {
  const blobs = openMemoryBlobs();
  host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

const allRoutes = () =>
  routes({
    store: () => host.store,
    host,
    version: '1.2.3',
    onCall: () => {},
    elapsed: () => performance.now(),
  });

const adminOf = (transport: Transport) => createClient(AdminService, transport);

const inProcess = () => adminOf(createRouterTransport(allRoutes()));

async function served() {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-admin-'));
  const server = await startTestServer(allRoutes(), {
    socket: join(directory, 'run', 'sock'),
    http: { host: '127.0.0.1', port: 0 },
  });
  const opened = [openTransport(server.addresses.grpc), openTransport(`unix:${server.addresses.socket}`)];
  onTestFinished(async () => {
    for (const one of opened) one[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  return {
    network: adminOf(opened[0]!.transport),
    socket: adminOf(opened[1]!.transport),
    http: adminOf(openHttpTransport('Connect', `http://${server.addresses.http}`)),
  };
}

async function drained<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(stream);
}

describe('what operators do', () => {
  it('is done in the process and over the socket, and refused on the network', async () => {
    const { network, socket, http } = await served();
    for (const admin of [inProcess(), socket]) {
      const { status } = await admin.getStoreStatus({});
      expect(status).toMatchObject({
        state: StoreStatus_State.SERVING,
        formatVersion,
        pauses: [],
        losses: [],
      });
      expect(status!.storeId).toMatch(/^[0-9a-f]{32}$/);
      expect(status!.commitNumber).toBeGreaterThan(0n);
    }
    const denied = { code: Code.PermissionDenied };
    await expect(network.getStoreStatus({})).rejects.toMatchObject(denied);
    await expect(http.getStoreStatus({})).rejects.toMatchObject(denied);
    await expect(drained(http.exportIndex({}))).rejects.toMatchObject(denied);
    await expect(network.resumeMaintenance({ pauseId: 'x' })).rejects.toMatchObject(denied);
    await expect(network.acceptLoss({ lossId: 'x' })).rejects.toMatchObject(denied);
    await expect(drained(network.exportIndex({}))).rejects.toMatchObject(denied);
    await expect(drained(network.verify({}))).rejects.toMatchObject(denied);
    await expect(network.importIndex((async function* () {})())).rejects.toMatchObject(denied);
  });

  it('is refused with a token that nobody can check', async () => {
    const { socket, network } = await served();
    for (const admin of [socket, network, inProcess()])
      await expect(
        admin.getStoreStatus({}, { headers: { authorization: 'Bearer x' } }),
      ).rejects.toMatchObject({
        code: Code.Unauthenticated,
      });
  });

  it('names the field that is wrong', async () => {
    const admin = inProcess();
    const wrong: [Promise<unknown>, string, string][] = [
      [admin.resumeMaintenance({}), 'INVALID_ARGUMENT', 'pause_id'],
      [admin.acceptLoss({}), 'INVALID_ARGUMENT', 'loss_id'],
      [drained(admin.verify({ reindex: true })), 'INVALID_ARGUMENT', 'repair_report_id'],
      [drained(admin.verify({ namespace: 'No!' })), 'INVALID_ARGUMENT', 'namespace'],
      [drained(admin.verify({ repairReportId: 'unknown' })), 'ETAG_MISMATCH', 'repair_report_id'],
      [admin.importIndex((async function* () {})()), 'UPLOAD_INCOMPLETE', 'part'],
      [
        admin.importIndex(
          (async function* () {
            yield {};
          })(),
        ),
        'INVALID_ARGUMENT',
        'part',
      ],
    ];
    for (const [call, reason, field] of wrong) {
      expect(await refusal(call)).toMatchObject({ reason, fields: [field] });
    }
    await expect(admin.acceptLoss({ lossId: 'another' })).rejects.toMatchObject({ code: Code.Aborted });
  });

  it('exports what imports again, over the wire', async () => {
    const { socket } = await served();
    for (let at = 0; at < 40; at++)
      await host.store.uploads.create(
        tester,
        specOf({ session: 's', name: `n${at}` }),
        Buffer.alloc(20_000, at),
      );
    const parts = (await drained(socket.exportIndex({}))).map(({ part }) => part!);
    expect(parts[0]!.part).toMatchObject({
      case: 'header',
      value: { softwareVersion: '1.2.3', formatVersion },
    });
    expect(parts.at(-1)!.part.case).toBe('footer');
    const answer = await socket.importIndex(
      (async function* () {
        for (const part of parts) yield { part, replace: true };
      })(),
    );
    expect(answer.rowCount).toBe((parts.at(-1)!.part.value as { rowCount: bigint }).rowCount);
    expect(answer.status!.pauses).toMatchObject([{ cause: StorePause_Cause.IMPORTED }]);
    const events = await drained(socket.verify({ checkContents: true }));
    const summary = events.at(-1)!.part;
    expect(summary).toMatchObject({ case: 'summary', value: { findingCount: 0n } });
    const { reportId } = summary.value as { reportId: string };
    await drained(socket.verify({ repairReportId: reportId }));
    expect((await socket.getStoreStatus({})).status!.pauses).toEqual([]);
  });
});
