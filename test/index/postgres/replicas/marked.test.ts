/** The marks of replicas, outside the database, and the numbers of commits that go on from replicas to one process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { IndexDamaged } from '../../../../src/index/damage.ts';
import type { Index } from '../../../../src/index/door.ts';
import { newestCommit, newestOfRings } from '../../../../src/index/engine/commits.ts';
import { keys } from '../../../../src/index/keys.ts';
import { PostgresHome } from '../../../../src/index/postgres/home.ts';
import { openPostgresReplica } from '../../../../src/index/postgres/replicas/replica.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';

describe.skipIf('missing' in postgresPrograms())('the mark of a replica', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function store() {
    const schema = server.newSchema();
    const root = await mkdtemp(join(tmpdir(), 'artifacta-marked-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const open = async (name: string): Promise<Index> => {
      const markPath = join(root, name, 'replica.mark');
      const index = await openPostgresReplica({ url: server.url, schema, address: `${name}:1`, markPath });
      onTestFinished(() => index.close());
      return index;
    };
    /** Starts a replica, which writes, and ends. */
    const writtenBy = async (name: string, ns?: string) => {
      const index = await open(name);
      await write(index, ns);
      await index.close();
    };
    /** The home for one process, with the data directory of that replica. */
    const homeAlone = (name: string) =>
      new PostgresHome({
        url: server.url,
        schema,
        markPath: join(root, name, 'postgres.mark'),
        replicaMarkPath: join(root, name, 'replica.mark'),
        waitSeconds: 0.1,
      });
    const openAlone = async (name: string) => {
      const index = await homeAlone(name).open(() => undefined);
      onTestFinished(() => index.close());
      return index;
    };
    /** Keeps the present state of all tables; returns a function that restores it. */
    const backUp = async () => {
      const tables = ['store', 'rows', 'members', 'writers', 'owners', 'replaced'];
      const each = (statement: (table: string) => string) => server.run(tables.map(statement).join(';'));
      await each((table) => `DROP TABLE IF EXISTS "${schema}"."old ${table}"`);
      await each((table) => `CREATE TABLE "${schema}"."old ${table}" AS SELECT * FROM "${schema}".${table}`);
      return () =>
        each(
          (table) =>
            `TRUNCATE "${schema}".${table}; INSERT INTO "${schema}".${table} SELECT * FROM "${schema}"."old ${table}"`,
        );
    };
    const markIn = (name: string) => readFile(join(root, name, 'replica.mark'), 'utf8');
    return { open, writtenBy, homeAlone, openAlone, backUp, markIn };
  }

  const write = (index: Index, ns = 'x') =>
    index.transact({
      ns,
      reads: [],
      *decide(tx) {
        tx.put(keys.calls.usage, [ns, 0], { sessions: 0, artifacts: 1, bytes: 0 });
      },
    });

  const damageOf = async (opening: Promise<Index>): Promise<IndexDamaged> => {
    const error = await opening.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'IndexDamaged' });
    return error as IndexDamaged;
  };
  const lostOne =
    'the index lost commits 2: perhaps a standby has taken over that had not received them, or the database was restored';

  test('shows that the database was restored to an earlier state, until one process accepts the loss', async () => {
    const { open, writtenBy, homeAlone, openAlone, backUp, markIn } = await store();
    await writtenBy('a');
    const restore = await backUp();
    await writtenBy('a');
    expect(await markIn('a')).toBe('0 1 2\n');
    await (await open('a')).close();

    await restore();
    const damage = await damageOf(open('a'));
    expect(damage.loss).toMatchObject({ message: lostOne, firstCommit: 2, lastCommit: 2 });
    // As the same data directory shows it to a process that has the store for itself.
    expect((await damageOf(openAlone('a'))).loss.id).toBe(damage.loss.id);
    {
      await using replacement = await homeAlone('a').replace();
      {
        await using salvage = await homeAlone('a').salvage();
        for await (const block of salvage.rows())
          await replacement.put(block.flatMap((row) => (row.kind === 'row' ? [[row.key, row.value]] : [])));
      }
      await replacement.adopt({ seq: damage.loss.lastCommit, time: 0 });
    }
    const alone = await openAlone('a');
    await write(alone);
    await alone.close();
    await writtenBy('a');
    // Three times a process had it for itself: the one that found the loss, the replacement, and the one after that.
    expect(await markIn('a')).toBe('3 1 1\n');
  });

  test('counts also if another replica has its number by now', async () => {
    const { open, writtenBy, backUp, markIn } = await store();
    await writtenBy('a');
    const restore = await backUp();
    await writtenBy('a');
    const b = await open('b');
    await write(b, 'y');
    expect(await markIn('a')).toBe('0 1 2\n');
    const third = await open('a');
    expect(third.stats.replica).toBeDefined();
    await third.close();
    await b.close();
    expect(await markIn('b')).toBe('0 1 3\n');

    await restore();
    // The number 1 is taken: that of this one is another.
    const c = await open('c');
    expect((await damageOf(open('a'))).message).toBe(lostOne);
    expect((await damageOf(open('b'))).message).toMatch(/^the index lost commits 2\.\.3: /);
    await c.close();
  });

  test('shows that the database is of a time before one process had it, and before it was replaced', async () => {
    const { open, writtenBy, openAlone, backUp } = await store();
    await writtenBy('a');
    const restore = await backUp();
    const alone = await openAlone('alone');
    await write(alone);
    await alone.close();
    await writtenBy('b', 'y');
    await restore();
    // Replicas have numbers of their own, so that nothing seems to be missing in the ring of this one.
    const e = await open('e');
    for (let times = 0; times < 3; times++) await write(e, 'y');
    await e.close();
    expect((await damageOf(open('b'))).message).toMatch(
      /^the index lost what was written before commit 2 of /,
    );
  });

  test('the numbers of one process go on behind those of replicas, with a gap', async () => {
    const { open, openAlone } = await store();
    const first = await openAlone('alone');
    await write(first);
    await first.close();
    const a = await open('a');
    for (let times = 0; times < 5; times++) await write(a);
    expect(await newestOfRings(a)).toMatchObject({ seq: 5 });
    const { time } = await newestOfRings(a);
    expect((await newestCommit(a)).seq).toBe(1);
    await a.close();
    const second = await openAlone('alone');
    expect(await newestCommit(second)).toMatchObject({ seq: 6, since: 6 });
    expect((await newestCommit(second)).time).toBeGreaterThan(time);
    await write(second);
    await second.close();
    // Nothing of replicas is newer now.
    const third = await openAlone('alone');
    expect(await newestOfRings(third)).toMatchObject({ seq: 7 });
    await third.close();
  });
});
