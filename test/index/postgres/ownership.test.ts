/** Who may write to a store on PostgreSQL: never two, whatever is cut and whoever comes late. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { afterRealTime } from '../../../src/domain/timer.ts';
import type { Index } from '../../../src/index/door.ts';
import type { LockLost } from '../../../src/index/lock-lost.ts';
import { Connection } from '../../../src/index/postgres/connection.ts';
import { openPostgresDatabase } from '../../../src/index/postgres/database.ts';
import { PostgresHome } from '../../../src/index/postgres/home.ts';
import { Ownership } from '../../../src/index/postgres/ownership.ts';
import { openPostgresIndex, type PostgresIndexOptions } from '../../../src/index/postgres/postgres.ts';
import { Forwarder } from '../../support/forwarder.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { homeContract } from '../home-contract.ts';
import { increment, key, look, ManualTimer, put, rowsOf, text, turns, watch, write } from '../support.ts';
import { waitingForLocks } from './store.ts';

describe.skipIf('missing' in postgresPrograms())('owners of a store on PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  interface Store {
    readonly schema: string;
    open(options?: Partial<PostgresIndexOptions>): Promise<Index>;
    /** Another connection, in a transaction of its own. */
    connect(): Promise<pg.Client>;
  }

  async function store(): Promise<Store> {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-owner-'));
    const schema = server.newSchema();
    const ends: (() => Promise<unknown>)[] = [];
    onTestFinished(async () => {
      for (const end of ends.reverse()) await end();
      await server.drop(schema);
      await rm(home, { recursive: true, force: true });
    });
    return {
      schema,
      open: async (options = {}) => {
        const index = await openPostgresIndex({
          url: server.url,
          schema,
          markPath: join(home, 'mark'),
          after: new ManualTimer().after,
          waitSeconds: 0.1,
          ...options,
        });
        ends.push(() => index.close());
        return index;
      },
      connect: async () => {
        const client = new pg.Client({ connectionString: server.url });
        await client.connect();
        ends.push(() => client.end());
        return client;
      },
    };
  }

  /** The server ends every connection of the service. */
  const cutAll = () =>
    server.run(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'artifacta'`,
    );

  const lost = { reason: 'STORE_UNAVAILABLE', metadata: { lock: 'lost' } };

  test('a store that another has open says so, and is left alone', async () => {
    const { open, schema } = await store();
    const index = await open();
    await increment(index, 'a');
    await expect(open()).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      metadata: { lock: 'held' },
      message: expect.stringContaining(`another process has the store in the schema ${schema} open`),
    });
    expect(await increment(index, 'a')).toBe(2);
    await index.close();
    expect(await look(await open(), 'a')).toBe('2');
  });

  test('two stores share a database, each in a schema of its own', async () => {
    const [one, other] = [await store(), await store()];
    const [first, second] = [await one.open(), await other.open()];
    await write(first, [put('a', '1')]);
    await write(second, [put('a', '2')]);
    expect([await look(first, 'a'), await look(second, 'a')]).toEqual(['1', '2']);
  });

  test('a batch of an owner that was deposed writes nothing, and nothing follows', async () => {
    const { open, schema } = await store();
    const index = await open();
    await write(index, [put('a', '1')]);
    await server.run(`UPDATE "${schema}".store SET epoch = epoch + 1, owner = 'another'`);
    await expect(write(index, [put('a', '2'), put('b', '2')])).rejects.toMatchObject(lost);
    await expect(look(index, 'a')).rejects.toMatchObject(lost);
    await expect(index.get(key('a'))).rejects.toMatchObject(lost);
    await index.close();
    expect(await rowsOf(await open())).toEqual([['a', '1']]);
  });

  test('a batch that waits while its owner is deposed writes nothing', async () => {
    const { open, schema, connect } = await store();
    const index = await open();
    const other = await connect();
    await other.query(`BEGIN; UPDATE "${schema}".store SET epoch = epoch + 1, owner = 'another'`);
    const writing = watch(write(index, [put('a', '1')]));
    await waitingForLocks(server, 1);
    expect(writing.state).toBe('pending');
    await other.query('COMMIT');
    await writing.settled;
    expect(writing.error).toMatchObject(lost);
    await index.close();
    expect(await rowsOf(await open())).toEqual([]);
  });

  test('who takes a store over waits for the batch of whoever had it, and sees its rows', async () => {
    const { open, schema, connect } = await store();
    const index = await open();
    await write(index, [put('a', '1')]);
    const blocker = await connect();
    await blocker.query(`BEGIN; SELECT key FROM "${schema}".rows FOR UPDATE`);
    const writing = watch(write(index, [put('a', '2'), put('b', '2')]));
    await waitingForLocks(server, 1);
    const other = await connect();
    const raised = watch(other.query(`UPDATE "${schema}".store SET epoch = epoch + 1, owner = 'another'`));
    await waitingForLocks(server, 2);
    expect([writing.state, raised.state]).toEqual(['pending', 'pending']);
    await blocker.query('COMMIT');
    await raised.settled;
    expect((await other.query(`SELECT key FROM "${schema}".rows WHERE key = $1`, [key('b')])).rowCount).toBe(
      1,
    );
    await writing.settled;
    expect(writing.state).toBe('fulfilled');
  });

  test('connections that are cut while nothing is under way cost no call', async () => {
    const { open } = await store();
    const warnings: string[] = [];
    const index = await open({ warn: (message) => warnings.push(message) });
    const told = warnings.length;
    expect(await increment(index, 'a')).toBe(1);
    await cutAll();
    expect(text(await index.get(key('a')))).toBe('1');
    expect(await rowsOf(index)).toEqual([['a', '1']]);
    expect(await increment(index, 'a')).toBe(2);
    await cutAll();
    expect(await increment(index, 'a')).toBe(3);
    expect([index.epoch, index.trouble, warnings.slice(told)]).toEqual([1, undefined, []]);
  });

  test('an owner that was cut off, and whose store another has meanwhile, ends, also if it writes nothing', async () => {
    const { open } = await store();
    const forwarder = await Forwarder.before(server.address);
    const lostAs: LockLost[] = [];
    const index = await open({
      url: server.urlAt(forwarder.address),
      after: afterRealTime,
      onLost: (how) => lostAs.push(how),
    });
    await increment(index, 'a');
    forwarder.target = undefined;
    forwarder.cut();
    await expect.poll(() => index.trouble).toContain('cannot write: ');
    const other = await open({ waitSeconds: 5 });
    forwarder.target = server.address;
    await expect.poll(() => lostAs, { timeout: 10_000 }).toMatchObject([lost]);
    // The index says the earlier trouble until it has closed the connection that told of the other owner.
    const refused = () => increment(index, 'a').catch((error) => error);
    await expect.poll(refused, { timeout: 10_000 }).toMatchObject(lost);
    expect(await increment(other, 'a')).toBe(2);
  }, 30_000);

  test('a batch that reaches the server by another connection than the owner’s is not written', async () => {
    const { open, schema } = await store();
    const index = await open();
    await increment(index, 'a');
    await server.run(`UPDATE "${schema}".store SET process = 0`);
    await expect(increment(index, 'a')).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('a pooler in front of the database gives connections to others'),
    });
    expect(await look(index, 'a')).toBe('1');
    expect(await increment(index, 'a')).toBe(2);
  });

  test('what the server does not know to be gone does not keep its own process out', async () => {
    const { schema } = await store();
    const ownership = new Ownership({ schema, warn: () => undefined, waitSeconds: 5 });
    const [before, after] = [await Connection.open(server.url), await Connection.open(server.url)];
    const epoch = await ownership.take(before);
    expect(await ownership.take(after)).toBe(epoch + 1);
    await turns();
    await expect(before.run('SELECT 1')).rejects.toThrow('the database has ended the connection');
    await Promise.all([before.close(), after.close()]);
  });

  homeContract('on PostgreSQL', async () => {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-home-'));
    const schema = server.newSchema();
    onTestFinished(async () => {
      await server.drop(schema);
      await rm(home, { recursive: true, force: true });
    });
    const place = { url: server.url, schema, markPath: join(home, 'mark') };
    const another = () => new PostgresHome({ ...place, after: new ManualTimer().after });
    const alone = { ...place, after: afterRealTime };
    const database = () =>
      openPostgresDatabase({ ...alone, ownership: new Ownership({ schema, warn: () => undefined }) });
    return { home: another(), another, database };
  });
});
