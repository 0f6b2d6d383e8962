/** What the limits and timeouts of a user and of a server do to a store. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Connection } from '../../../src/index/postgres/connection.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { increment, key, look, put, text, watch, write } from '../support.ts';
import { lockRow, recovered, storeOn, waitingForLocks } from './store.ts';

describe.skipIf('missing' in postgresPrograms())('limits of PostgreSQL', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  /** A user with these settings, and the address for it. It owns what it makes, and goes when the test ends. */
  async function user(name: string, ...settings: readonly string[]): Promise<string> {
    await server.run(`CREATE ROLE ${name} LOGIN; GRANT CREATE ON DATABASE postgres TO ${name}`);
    onTestFinished(async () => void (await server.run(`DROP OWNED BY ${name} CASCADE; DROP ROLE ${name}`)));
    for (const setting of settings) await server.run(`ALTER ROLE ${name} ${setting}`);
    return server.urlAt(server.address, name);
  }

  test('a start for which no connection is left says so', async () => {
    const { open } = await storeOn(server);
    const url = await user('crowded', 'CONNECTION LIMIT 0');
    await expect(open({ url })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message:
        'the index could not be opened: the database has no connection left: too many connections for role "crowded"',
    });
  });

  test('a service for which no connection is left any more says so, and recovers when one is', async () => {
    const url = await user('squeezed');
    const { open } = await storeOn(server);
    const index = await open({ url });
    await increment(index, 'a');
    await server.run('ALTER ROLE squeezed CONNECTION LIMIT 0');
    await server.run(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'squeezed'`,
    );
    await expect.poll(() => index.trouble).toContain('cannot write: the database has no connection left; ');
    await expect(increment(index, 'a')).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('the database has no connection left'),
    });
    await expect(index.get(key('a'))).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: 'the index could not be read: the database has no connection left',
    });
    await server.run('ALTER ROLE squeezed CONNECTION LIMIT -1');
    await recovered(index);
    expect(await increment(index, 'a')).toBe(2);
  });

  test('with fewer connections than readers of different instants, those that get none may try again', async () => {
    const url = await user('narrow', 'CONNECTION LIMIT 3');
    const { open } = await storeOn(server);
    const index = await open({ url });
    await increment(index, 'a');
    expect(text(await index.get(key('a')))).toBe('1');
    await using first = index.snapshot();
    expect(text(await first.get(key('a')))).toBe('1');
    await increment(index, 'a');
    await using second = index.snapshot();
    await expect(second.get(key('a'))).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    expect(text(await first.get(key('a')))).toBe('1');
    expect(await increment(index, 'a')).toBe(3);
  });

  test('timeouts and an isolation level of the user have no effect on a store', async () => {
    const settings = [
      'statement_timeout',
      'lock_timeout',
      'idle_session_timeout',
      'idle_in_transaction_session_timeout',
    ];
    const [version] = await server.run(`SELECT current_setting('server_version_num')::int AS number`);
    if (Number(version!.number) >= 170_000) settings.push('transaction_timeout');
    const url = await user(
      'hasty',
      ...settings.map((name) => `SET ${name} = 50`),
      `SET default_transaction_isolation = 'serializable'`,
    );
    const { open, schema } = await storeOn(server);
    const index = await open({ url });
    await write(index, [put('a', '1')]);
    await using snapshot = index.snapshot();
    expect(text(await snapshot.get(key('a')))).toBe('1');
    const blocker = await lockRow(server, schema, 'a');
    const writing = watch(write(index, [put('a', '2')]));
    await waitingForLocks(server, 1);
    // Longer than any of them, in which the write waits and the snapshot and the other connections do nothing.
    await server.run('SELECT pg_sleep(0.3)');
    await blocker.query('COMMIT');
    await writing.settled;
    expect(writing.state).toBe('fulfilled');
    expect(text(await snapshot.get(key('a')))).toBe('1');
    expect(text(await index.get(key('a')))).toBe('2');
    expect([index.epoch, index.trouble]).toEqual([1, undefined]);
    const connection = await Connection.open(url);
    onTestFinished(() => connection.close());
    const names = [...settings, 'transaction_isolation'];
    const shown = await connection.query({
      name: '',
      text: `SELECT ${names.map((name) => `current_setting('${name}')`)}`,
    });
    expect(shown).toEqual([
      ['30s', '10s', '0', '5min', ...(settings.length > 4 ? ['0'] : []), 'read committed'],
    ]);
  });

  test('a connection that the server ends because it was idle for long costs no call', async () => {
    const { open } = await storeOn(server);
    const index = await open({ url: `${server.url}?options=-c%20idle_session_timeout%3D1000` });
    await increment(index, 'a');
    const [before] = await owners();
    await expect.poll(async () => (await owners())[0], { timeout: 10_000 }).not.toEqual(before);
    expect(await increment(index, 'a')).toBe(2);
    expect([index.epoch, index.trouble]).toEqual([1, undefined]);
  });

  /** The connections that have locked a store. */
  const owners = () => server.run(`SELECT pid FROM pg_locks WHERE locktype = 'advisory'`);

  test('a transaction that the server ends while its reader does nothing fails that reader alone', async () => {
    const { open } = await storeOn(server);
    const timeout = 'options=-c%20idle_in_transaction_session_timeout%3D100';
    const index = await open({ url: `${server.url}?${timeout}` });
    await increment(index, 'a');
    await using snapshot = index.snapshot();
    expect(text(await snapshot.get(key('a')))).toBe('1');
    const inTransaction = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'idle in transaction'`;
    await expect.poll(async () => (await server.run(inTransaction))[0]!.n).toBe(0);
    await expect(snapshot.get(key('a'))).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(await look(index, 'a')).toBe('1');
    expect(await increment(index, 'a')).toBe(2);
  });

  test('a batch that is the victim of a deadlock was not written, and is written again', async () => {
    const { open, schema } = await storeOn(server);
    const index = await open({ url: `${server.url}?options=-c%20deadlock_timeout%3D2s` });
    await write(index, [put('a', '1'), put('b', '1')]);
    const blocker = await lockRow(server, schema, 'b');
    // So that the batch is the victim.
    await blocker.query(`SET LOCAL deadlock_timeout = '1h'`);
    const writing = watch(write(index, [put('a', '2'), put('b', '2')]));
    await waitingForLocks(server, 1);
    const locking = watch(
      blocker.query(`SELECT 1 FROM "${schema}".rows WHERE key = $1 FOR UPDATE`, [key('a')]),
    );
    await locking.settled;
    expect(locking.state).toBe('fulfilled');
    expect(writing.state).toBe('pending');
    await blocker.query('COMMIT');
    await writing.settled;
    expect(writing.state).toBe('fulfilled');
    expect([await look(index, 'a'), await look(index, 'b')]).toEqual(['2', '2']);
    expect([index.epoch, index.trouble]).toEqual([1, undefined]);
    const deadlocks = `SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = 'postgres'`;
    await expect
      .poll(async () => (await server.run(deadlocks))[0]!.n, { timeout: 10_000 })
      .toBeGreaterThan(0);
  });
});
