/** Several services over one database and one bucket, as processes of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import { freeAddress } from '../../scripts/free-port.ts';
import { byName, someBytes } from '../support/calls.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { type Places, placesOn, push, type Replica, startReplica } from './replicas-rig.ts';
import { startServe } from './serve-process.ts';

describe.skipIf('missing' in postgresPrograms())('replicas', { timeout: 120_000 }, () => {
  let server: PostgresServer;
  let places: Places;
  let directory: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    places = await placesOn(server);
    ({ directory } = places);
  });

  it('take any call, and go on when one is killed and one is stopped', async () => {
    const replicas = [
      await startReplica(places, 'a'),
      await startReplica(places, 'b'),
      await startReplica(places, 'c'),
    ];
    const [a, b, c] = replicas as [Replica, Replica, Replica];
    await a.sessions.openSession({ session: 'run' });
    for (const [at, replica] of replicas.entries()) {
      await push(replica, 'run', `small-${at}`, someBytes(100, at + 1));
      await push(replica, 'run', `large-${at}`, someBytes(2_000_000, at + 1));
    }
    const listed = (replica: Replica) => replica.artifacts.listArtifacts({ session: 'run' });
    for (const replica of replicas) expect((await listed(replica)).artifacts.length).toBe(6);
    const { session } = await c.sessions.sealSession({ session: 'run', outcome: SessionOutcome.SUCCEEDED });
    expect(session?.outcome).toBe(SessionOutcome.SUCCEEDED);

    b.serve.child.kill('SIGKILL');
    await b.serve.ended;
    // Whoever owned the namespace, somebody does again within a lease.
    await push(a, 'killed', 'x', someBytes(100));
    await push(c, 'killed', 'y', someBytes(2_000_000));

    a.serve.child.kill('SIGTERM');
    let count = 0;
    const stopped = a.serve.ended.then(() => true);
    const isOver = () => Promise.race([stopped, new Promise<false>((no) => setImmediate(() => no(false)))]);
    for (; !(await isOver()); count++) await push(c, 'stopped', `n${count}`, someBytes(50, count + 1));
    await push(c, 'stopped', 'last', someBytes(100));
    expect(await a.serve.ended).toBe(0);
    const { artifacts } = await c.artifacts.listArtifacts({ session: 'stopped' });
    expect(artifacts.length).toBe(count + 1);
    const { artifact } = await c.artifacts.getArtifact({ artifact: byName('run', 'large-1') });
    expect(artifact?.sizeBytes).toBe(2_000_000n);
  });

  it('take over from one that hangs, before a call that may be repeated fails', async () => {
    const usual = { ARTIFACTA_REPLICA_LEASE_SECONDS: '10' };
    const [a, b] = [await startReplica(places, 'a', usual), await startReplica(places, 'b', usual)];
    await a.sessions.openSession({ session: 'run' });
    a.serve.child.kill('SIGSTOP');
    onTestFinished(() => void a.serve.child.kill('SIGCONT'));
    await push(b, 'run', 'x', someBytes(100));
    await push(b, 'run', 'y', someBytes(2_000_000));
    expect(b.serve.warnings().join()).toContain('a replica has not answered');
  });

  it('with another secret do not start beside the others', async () => {
    const other = join(directory, 'other');
    await writeFile(other, 'another secret, which is as long as the first');
    const a = await startReplica(places, 'a');
    const address = await freeAddress();
    const serve = startServe(join(directory, 'b'), ['--replica-listen', address], {
      ...places.variables,
      ARTIFACTA_REPLICA_SECRET_FILE: other,
    });
    serve.ready.catch(() => undefined);
    expect(await serve.ended).not.toBe(0);
    expect(`${serve.stderr()}${JSON.stringify(serve.lines)}`).toContain(
      `the replica at ${a.address} has another secret`,
    );
  });

  it('need a secret that is long enough', async () => {
    const short = join(directory, 'short');
    await writeFile(short, 'short\n');
    const variablesOf = { ...places.variables, ARTIFACTA_REPLICA_SECRET_FILE: short };
    const serve = startServe(join(directory, 'a'), ['--replica-listen', '127.0.0.1:7070'], variablesOf);
    serve.ready.catch(() => undefined);
    expect(await serve.ended).not.toBe(0);
    expect(`${serve.stderr()}${JSON.stringify(serve.lines)}`).toContain(
      'must have at least 32 bytes, not 5; make it with',
    );
  });
});
