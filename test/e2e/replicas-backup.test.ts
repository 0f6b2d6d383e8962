/** Exports and checks of a store that several services serve, as processes of their own, while clients push. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someBytes } from '../support/calls.ts';
import { start } from '../support/command.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';
import { answersAt, fill, idsIn } from './moving-rig.ts';
import {
  bucketPlace,
  type Places,
  placesOn,
  push,
  type Replica,
  startReplica,
  startService,
} from './replicas-rig.ts';

describe.skipIf('missing' in postgresPrograms())('a store of several services', { timeout: 300_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function run(dataDir: string, env: Readonly<Record<string, string>>, ...args: string[]) {
    const ended = await start([...args, '--data-dir', dataDir], { env: { ...env } }).ended;
    expect(ended, ended.stderr + ended.stdout).toMatchObject({ code: 0 });
    return ended.stdout;
  }

  /** The settings of a store whose index is in its data directory, and whose contents are in the same bucket. */
  const onDisk = ({ alone, directory }: Places) => {
    const { ARTIFACTA_INDEX: _, ...rest } = alone;
    return { ...rest, XDG_CACHE_HOME: join(directory, 'cache') };
  };

  /** Pushes through some replicas until it is ended. */
  function pushers(replicas: readonly Replica[]) {
    const acknowledged: string[] = [];
    let isOver = false;
    let next = 0;
    const worker = async (replica: Replica) => {
      while (!isOver) {
        const name = `n${next++}`;
        await push(replica, 'busy', name, someBytes(name.endsWith('77') ? 200_000 : 300, next));
        acknowledged.push(name);
      }
    };
    const workers = replicas.map(worker);
    const end = async () => {
      isOver = true;
      await Promise.all(workers);
    };
    return { acknowledged, end };
  }

  /** Returns what a check finds, as messages. */
  async function faultsOf({ admin }: Pick<Replica, 'admin'>, checkContents: boolean): Promise<string[]> {
    const faults: string[] = [];
    let isWhole = false;
    for await (const { part } of admin.verify({ checkContents })) {
      if (part.case === 'finding') faults.push(part.value.message);
      isWhole ||= part.case === 'summary';
    }
    expect(isWhole).toBe(true);
    return faults;
  }

  /** Puts an export in the place of a new store on a disk, and serves that. */
  async function restoredFrom(file: string, places: Places, name: string) {
    const dataDir = join(places.directory, name);
    await run(dataDir, onDisk(places), 'import', file);
    const restored = await startService(dataDir, [], onDisk(places));
    expect(await faultsOf(restored, true)).toEqual([]);
    return restored;
  }

  it('is exported and checked while clients push, and lives on with its index on a disk', async () => {
    const places = await placesOn(server);
    const [a, b, c] = [
      await startReplica(places, 'a'),
      await startReplica(places, 'b'),
      await startReplica(places, 'c'),
    ];
    await fill(b.transport);
    const ids = await idsIn(a.transport);
    const answers = await answersAt(a.transport, ids);
    const quiet = join(places.directory, 'quiet.export');
    await run(c.dataDir, places.variables, 'export', quiet);

    const busy = pushers([b, c]);
    const more = async () => {
      const count = busy.acknowledged.length;
      await expect.poll(() => busy.acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(count + 10);
    };
    await more();
    const before = [...busy.acknowledged];
    const during = join(places.directory, 'during.export');
    await run(a.dataDir, places.variables, 'export', during);
    await more();
    expect(await faultsOf(a, false)).toEqual([]);
    await more();
    await busy.end();
    for (const replica of [a, b, c]) await replica.stop();

    const first = await restoredFrom(during, places, 'first');
    const request = { session: 'busy', pageSize: 1_000 };
    const found = new Set<string>();
    for (let pageToken = ''; ; ) {
      const page = await first.artifacts.listArtifacts({ ...request, pageToken });
      for (const { name } of page.artifacts) found.add(name);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(before.filter((name) => !found.has(name))).toEqual([]);
    expect(found.size).toBeLessThan(busy.acknowledged.length);
    await first.stop();
    const second = await restoredFrom(quiet, places, 'second');
    expect(await answersAt(second.transport, ids)).toEqual(answers);
    await second.stop();
  });

  it('has its exports written by one of them, whichever is asked', async () => {
    const places = await placesOn(server);
    const [a, b] = [await startReplica(places, 'a'), await startReplica(places, 'b')];
    await push(a, 's', 'x', someBytes(100));
    const first = await a.maintenance.export({});
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
    expect(await run(dataDir, onDisk(places), 'ls', 's')).toMatch(/ y\n[\s\S]* x\n/);
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
    const listed = await run(restored, onDisk(places), 'ls', 's');
    for (const name of ['by-the-first', 'by-a-replica', 'by-the-last']) expect(listed).toContain(name);
  });
});
