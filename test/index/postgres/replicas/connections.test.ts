/** The connections of a replica, which operators must provide for: docs/scale.md and the chart say how many. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { keys } from '../../../../src/index/keys.ts';
import { openPostgresReplica } from '../../../../src/index/postgres/replicas/replica.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';

const momentsMax = 8;

describe.skipIf('missing' in postgresPrograms())('the connections of a replica', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test('are thirteen at most: for writes, reads, leases, what is shipped, an export, and eight for snapshots', async () => {
    const schema = server.newSchema();
    const index = await openPostgresReplica({ url: server.url, schema, address: 'a:1', isShipped: true });
    const shipments = index.shipments!;
    onTestFinished(async () => {
      await index.close();
      await shipments.close();
    });
    const connections = async () => {
      const [row] = await server.run(
        "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = 'artifacta'",
      );
      return row!.n;
    };
    const key = keys.calls.usage.key('x', 0);
    const count = (artifacts: number) =>
      index.transact({
        ns: 'x',
        reads: [key],
        *decide(tx) {
          tx.put(keys.calls.usage, ['x', 0], { sessions: 0, artifacts, bytes: 0 });
        },
      });
    const snapshots: ReturnType<typeof index.snapshot>[] = [];
    onTestFinished(async () => {
      for (const snapshot of snapshots) await snapshot[Symbol.asyncDispose]();
    });
    // Each is of an instant of its own.
    for (let at = 0; at < momentsMax; at++) {
      await count(at);
      const snapshot = index.snapshot();
      snapshots.push(snapshot);
      await snapshot.get(key);
    }
    await index.get(key);
    expect(await connections()).toBe(3 + momentsMax);
    // One that finds no connection free waits for one.
    await count(momentsMax);
    const waiting = index.snapshot();
    const read = waiting.get(key);
    expect(await connections()).toBe(3 + momentsMax);
    for (const snapshot of snapshots.splice(0)) await snapshot[Symbol.asyncDispose]();
    snapshots.push(waiting);
    expect(keys.calls.usage.decode((await read)!).artifacts).toBe(momentsMax);
    expect(await connections()).toBe(3 + momentsMax);
    await shipments.begin('chain', 0);
    expect(await connections()).toBe(4 + momentsMax);
    const cut = await shipments.cutIndex();
    expect(await connections()).toBe(5 + momentsMax);
    await cut!.snapshot[Symbol.asyncDispose]();
    await expect.poll(connections).toBe(4 + momentsMax);
  });
});
