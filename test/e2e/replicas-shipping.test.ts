/** What several services ship between exports, as processes of their own: it outlasts them and their database. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import { Durability } from '../../gen/artifacta/v1/session_service_pb.ts';
import { byId, someBytes } from '../support/calls.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { answersAt, fill, idsIn } from './moving-rig.ts';
import {
  bucketPlace,
  onDisk,
  type Places,
  placesOn,
  push,
  type Replica,
  run,
  startReplica,
  startService,
} from './replicas-rig.ts';

/** What was acknowledged so long before can be restored. */
const promisedMs = 10_000;

describe.skipIf('missing' in postgresPrograms())('what replicas ship', { timeout: 300_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const startAll = async (places: Places, extra: Readonly<Record<string, string>> = {}) => {
    const all = [];
    for (const name of ['a', 'b', 'c']) all.push(await startReplica(places, name, extra));
    return all as [Replica, Replica, Replica];
  };

  const kill = async ({ serve }: Replica) => {
    serve.child.kill('SIGKILL');
    await serve.ended;
  };

  /** The database is lost: the index is made anew from the place, on a disk. */
  async function restored(places: Places, from: string) {
    await server.drop(places.schema);
    const dataDir = join(places.directory, 'restored');
    const env = { ...onDisk(places), ...(from !== bucketPlace && { ARTIFACTA_EXPORT_DIR: from }) };
    const { stderr } = await run(dataDir, env, 'import', '--from', from);
    expect(stderr).toMatch(/and \d+ segments: up to commit \d+ of [^;]*$/m);
    return await startService(dataDir, [], env);
  }

  const seal = ({ sessions }: Replica, session: string) =>
    sessions.sealSession({ session, outcome: SessionOutcome.SUCCEEDED, durability: Durability.SHIPPED });

  it('has all that any of them acknowledged ten seconds before, although all were killed', async () => {
    const places = await placesOn(server);
    const exportDir = join(places.directory, 'exports');
    const replicas = await startAll(places, { ARTIFACTA_EXPORT_DIR: exportDir });
    const [a, b, c] = replicas;
    await fill(b.transport);
    const living = [a, b, c];
    const acknowledged: string[] = [];
    const gone: string[] = [];
    let isOver = false;
    const workers = replicas.map(async (mine, at) => {
      for (let n = 0; !isOver; n++) {
        const name = `n-${at}-${n}`;
        const replica = living.includes(mine) ? mine : living[0]!;
        const pushed = await push(replica, 'busy', name, someBytes(50, n + 1)).catch(() => undefined);
        if (pushed === undefined) continue;
        if (n % 5 === 0) {
          const id = pushed.artifact!.id;
          const isGone = await replica.artifacts.deleteArtifact({ artifact: byId(id) }).then(
            () => true,
            () => false,
          );
          if (isGone) gone.push(name);
          continue;
        }
        acknowledged.push(name);
      }
    });
    await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(50);
    living.splice(living.indexOf(b), 1);
    await kill(b);
    const far = acknowledged.length + 50;
    await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(far);
    isOver = true;
    await Promise.all(workers);
    const ids = await idsIn(a.transport);
    const answers = await answersAt(c.transport, ids);
    // Nothing happens meanwhile: the promise is about the time.
    await sleep(promisedMs);
    await Promise.all([kill(a), kill(c)]);
    const service = await restored(places, exportDir);
    expect(await answersAt(service.transport, ids)).toEqual(answers);
    const names = new Set<string>();
    for (let pageToken = ''; ; ) {
      const listed = await service.artifacts.listArtifacts({ session: 'busy', pageToken, pageSize: 500 });
      for (const { name } of listed.artifacts) names.add(name);
      pageToken = listed.nextPageToken;
      if (pageToken === '') break;
    }
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
    expect(gone.filter((name) => names.has(name))).toEqual([]);
    await service.stop();
    await run(service.dataDir, onDisk(places), 'fsck', '--contents');
  });

  it('has a durable seal, whichever of them was asked, when the database is lost at once', async () => {
    const places = await placesOn(server);
    const replicas = await startAll(places);
    for (const [at, replica] of replicas.entries()) {
      await push(replica, `s${at}`, 'x', someBytes(100, at + 1));
      const { session } = await seal(replica, `s${at}`);
      expect(session?.outcome).toBe(SessionOutcome.SUCCEEDED);
    }
    await Promise.all(replicas.map(kill));
    await server.drop(places.schema);
    // The next database, which replicas serve again.
    const index = { ARTIFACTA_INDEX: `${server.url}?schema=${server.newSchema()}` };
    const dataDir = join(places.directory, 'importer');
    await run(dataDir, { ...places.alone, ...index }, 'import', '--from', bucketPlace);
    const [next, other] = [await startReplica(places, 'n', index), await startReplica(places, 'o', index)];
    for (const at of replicas.keys()) {
      const { session } = await other.sessions.getSession({ session: `s${at}` });
      expect(session?.outcome).toBe(SessionOutcome.SUCCEEDED);
    }
    await push(next, 'next', 'x', someBytes(100));
    await seal(other, 'next');
  });

  it('waits for a place that does not answer, tells a durable seal so, and is whole when all were stopped', async () => {
    const places = await placesOn(server);
    // Small contents are in the index: the bucket is not needed for them.
    const replicas = await startAll(places, { ARTIFACTA_INLINE_BYTES_MAX: '32768' });
    const [a, b, c] = replicas;
    await push(a, 's', 'large', someBytes(100_000));
    await seal(a, 's');
    places.fake.isDown = true;
    await push(b, 't', 'x', someBytes(100));
    const late = b.sessions.sealSession(
      { session: 't', outcome: SessionOutcome.SUCCEEDED, durability: Durability.SHIPPED },
      { timeoutMs: 3_000 },
    );
    await expect(late).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining('is sealed, but its seal is not in gs://bucket/store yet'),
    });
    places.fake.isDown = false;
    expect((await seal(a, 't')).alreadySealed).toBe(true);
    await push(c, 'u', 'the-last', someBytes(100));
    await Promise.all(replicas.map(({ stop }) => stop()));
    const service = await restored(places, bucketPlace);
    expect((await service.artifacts.listArtifacts({ session: 'u' })).artifacts.length).toBe(1);
  });

  it('goes on when one process has the store for itself, and when they come back', async () => {
    const places = await placesOn(server);
    const first = await startAll(places);
    for (const [at, replica] of first.entries()) await push(replica, 's', `first-${at}`, someBytes(100));
    await seal(first[0], 's');
    await push(first[1], 'u', 'left-behind', someBytes(100));
    await Promise.all(first.map(kill));
    const alone = await startService(join(places.directory, 'alone'), [], places.alone);
    await push(alone, 't', 'alone', someBytes(100));
    await seal(alone as Replica, 't');
    await alone.stop();
    const again = await startAll(places);
    await push(again[2], 'u', 'again', someBytes(100));
    await seal(again[1], 'u');
    await Promise.all(again.map(kill));
    const service = await restored(places, bucketPlace);
    const all = (await service.artifacts.listArtifacts({})).artifacts.map(({ name }) => name).sort();
    expect(all).toEqual(['again', 'alone', 'first-0', 'first-1', 'first-2', 'left-behind']);
  });
});
