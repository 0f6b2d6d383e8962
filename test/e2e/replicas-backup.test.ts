/** Exports of a store that several services serve, as processes of their own. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someBytes } from '../support/calls.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { answersAt, fill, idsIn } from './moving-rig.ts';
import { bucketPlace, onDisk, placesOn, push, run, startReplica, startService } from './replicas-rig.ts';

describe.skipIf('missing' in postgresPrograms())('a store of several services', { timeout: 300_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  it('is exported by one of them, and answers the same with its index on a disk', async () => {
    const places = await placesOn(server);
    const [a, b] = [await startReplica(places, 'a'), await startReplica(places, 'b')];
    await fill(b.transport);
    const ids = await idsIn(a.transport);
    const answers = await answersAt(a.transport, ids);
    const file = join(places.directory, 'index.export');
    await run(a.dataDir, places.variables, 'export', file);
    for (const replica of [a, b]) await replica.stop();
    const dataDir = join(places.directory, 'restored');
    await run(dataDir, onDisk(places), 'import', file);
    const restored = await startService(dataDir, [], onDisk(places));
    expect(await answersAt(restored.transport, ids)).toEqual(answers);
    await restored.stop();
    await run(dataDir, onDisk(places), 'fsck', '--contents');
  });

  it('has its exports written by one of them, whichever is asked', async () => {
    const places = await placesOn(server);
    const [a, b] = [await startReplica(places, 'a'), await startReplica(places, 'b')];
    await push(a, 's', 'x', someBytes(100));
    const first = await a.maintenance.export({ minAge: { seconds: 0n } });
    const second = await b.maintenance.export({});
    expect([first.written, second.written]).toEqual([true, false]);
    expect(second.path).toBe(first.path);
    await push(b, 's', 'y', someBytes(100_000));
    const all = await Promise.all(
      [a, b, a, b].map(({ maintenance }) => maintenance.export({ minAge: { seconds: 0n } })),
    );
    expect(all.filter(({ written }) => written).length).toBeGreaterThan(0);
    for (const { admin } of [a, b]) {
      const { status } = await admin.getStoreStatus({});
      expect(status?.lastExportTime).toBeDefined();
    }
    for (const replica of [a, b]) await replica.stop();
    // The database is lost.
    await server.drop(places.schema);
    const dataDir = join(places.directory, 'restored');
    await run(dataDir, onDisk(places), 'import', '--from', bucketPlace);
    expect((await run(dataDir, onDisk(places), 'ls', 's')).stdout).toMatch(/ y\n[\s\S]* x\n/);
  });

  it('is shipped anew by a process that has it for itself, with what they wrote', async () => {
    const places = await placesOn(server);
    const dataDir = join(places.directory, 'alone');
    const first = await startService(dataDir, [], places.alone);
    await push(first, 's', 'by-the-first', someBytes(100));
    await first.stop();
    const replica = await startReplica(places, 'a');
    await push(replica, 's', 'by-a-replica', someBytes(100));
    await replica.stop();
    const last = await startService(dataDir, [], places.alone);
    await push(last, 's', 'by-the-last', someBytes(100));
    await last.stop();
    await server.drop(places.schema);
    const restored = join(places.directory, 'restored');
    await run(restored, onDisk(places), 'import', '--from', bucketPlace);
    const { stdout: listed } = await run(restored, onDisk(places), 'ls', 's');
    for (const name of ['by-the-first', 'by-a-replica', 'by-the-last']) expect(listed).toContain(name);
  });
});
