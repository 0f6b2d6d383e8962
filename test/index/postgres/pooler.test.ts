/** PgBouncer between the service and PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pgbouncerMissing, startPgbouncer } from '../../support/pgbouncer.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { increment, key, look, put, rowsOf, text, write } from '../support.ts';
import { recovered, storeOn } from './store.ts';

const programs = postgresPrograms();
const missing = 'missing' in programs ? programs.missing : pgbouncerMissing;
if (missing !== undefined) console.warn(`skipped, PgBouncer before PostgreSQL: ${missing}`);

describe.skipIf(missing !== undefined)('behind PgBouncer', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test('in session mode a store works, outlasts cut connections, and is owned by one process', async () => {
    const { open } = await storeOn(server);
    const url = server.urlAt(await startPgbouncer(server, 'session'));
    const index = await open({ url });
    await write(index, [put('a', '1'), put('b', '1')]);
    await using snapshot = index.snapshot();
    expect(text(await snapshot.get(key('a')))).toBe('1');
    expect(await increment(index, 'a')).toBe(2);
    expect(text(await snapshot.get(key('a')))).toBe('1');
    await expect(open({ url, waitSeconds: 0.1 })).rejects.toMatchObject({ metadata: { lock: 'held' } });
    await expect(open({ waitSeconds: 0.1 })).rejects.toMatchObject({ metadata: { lock: 'held' } });
    const settings = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
    await server.run(settings);
    await recovered(index);
    expect(await increment(index, 'a')).toBe(3);
    expect(await rowsOf(index)).toEqual([
      ['a', '3'],
      ['b', '1'],
    ]);
    await index.close();
    expect(await look(await open(), 'a')).toBe('3');
  });

  test('in transaction mode a store is refused, and the words say what to do', async () => {
    const { open } = await storeOn(server);
    const url = server.urlAt(await startPgbouncer(server, 'transaction'));
    await expect(open({ url })).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message:
        'the index could not be opened: a pooler in front of the database gives connections to others between two ' +
        'transactions; set it to session mode',
    });
  });
});
