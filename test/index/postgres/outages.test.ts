/** What becomes of calls when PostgreSQL is killed, cut off, slow, or not the server that it should be. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { Connection } from '../../../src/index/postgres/connection.ts';
import { Ownership } from '../../../src/index/postgres/ownership.ts';
import { Forwarder } from '../../support/forwarder.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { increment, key, look, put, rowsOf, text, watch, write } from '../support.ts';
import { lockRow, recovered, storeOn, waitingForLocks } from './store.ts';

const unavailable = { reason: 'STORE_UNAVAILABLE' };

describe.skipIf('missing' in postgresPrograms())('outages of PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const store = () => storeOn(server);

  test('a server that is killed under load and started again loses nothing that was acknowledged', async () => {
    const { open } = await store();
    const index = await open();
    const acknowledged = new Set<string>();
    const failures = new Set<string>();
    let next = 0;
    let isOver = false;
    const enough = Promise.withResolvers<void>();
    const worker = async () => {
      while (!isOver) {
        const name = String(next++);
        const writing = write(index, [put(`left ${name}`, name), put(`right ${name}`, name.padEnd(2_000))]);
        await writing.then(
          () => acknowledged.add(name),
          (error: Error & { reason?: string }) => {
            failures.add(String(error.reason));
            return new Promise((resolve) => setImmediate(resolve));
          },
        );
        if (acknowledged.size > 500) enough.resolve();
      }
    };
    const workers = Array.from({ length: 32 }, worker);
    await enough.promise;
    for (let kill = 0; kill < 2; kill++) {
      await server.kill();
      await expect.poll(() => index.trouble).toContain('cannot write: the database');
      await server.resume();
      await recovered(index);
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size).toBeGreaterThan(before + 100);
    }
    isOver = true;
    await Promise.all(workers);
    expect([...failures]).toEqual(['STORE_UNAVAILABLE']);
    const found = new Map(await rowsOf(index));
    for (const name of acknowledged) expect(found.get(`left ${name}`)).toBe(name);
    const names = (side: string) =>
      [...found.keys()].filter((each) => each.startsWith(side)).map((each) => each.slice(side.length));
    expect(names('left ').sort()).toEqual(names('right ').sort());
    expect(index.epoch).toBe(3);
  }, 120_000);

  /** An index behind a proxy, with a batch that waits for a row which another connection has locked. */
  async function blocked() {
    const { open, schema } = await store();
    const proxy = await Forwarder.before(server.address);
    const index = await open({ url: server.urlAt(proxy.address) });
    await write(index, [put('a', '1')]);
    const blocker = await lockRow(server, schema, 'a');
    const writing = watch(write(index, [put('a', '2'), put('b', '2')]));
    return { schema, proxy, index, blocker, writing };
  }

  test('a connection that is cut after the commit: the outcome is unknown to callers, and the rows are read back', async () => {
    const { schema, proxy, index, blocker, writing } = await blocked();
    const reader = watch(look(index, 'b'));
    await waitingForLocks(server, 1);
    proxy.isMute = true;
    await blocker.query('COMMIT');
    const written = async () => (await server.run(`SELECT count(*)::int AS n FROM "${schema}".rows`))[0]!.n;
    await expect.poll(written).toBe(4);
    proxy.isMute = false;
    proxy.cut();
    await writing.settled;
    await reader.settled;
    for (const each of [writing, reader])
      expect(each.error).toMatchObject({
        ...unavailable,
        message: expect.stringContaining('the outcome is unknown'),
      });
    await recovered(index);
    expect(await look(index, 'a')).toBe('2');
    expect(text(await index.get(key('b')))).toBe('2');
    expect(await increment(index, 'a')).toBe(3);
    expect(index.epoch).toBe(2);
  }, 60_000);

  test('a batch that a cut connection has left behind in the server is never written later', async () => {
    const { proxy, index, blocker, writing } = await blocked();
    await waitingForLocks(server, 1);
    // The server does not notice, and goes on to wait for the row.
    proxy.isMute = true;
    proxy.cut({ isHalf: true });
    proxy.isMute = false;
    await writing.settled;
    expect(writing.error).toMatchObject(unavailable);
    await recovered(index);
    expect(await look(index, 'b')).toBeUndefined();
    await blocker.query('COMMIT');
    expect(await increment(index, 'a')).toBe(2);
    expect(await rowsOf(index)).toEqual([['a', '2']]);
  }, 60_000);

  test('a statement that takes too long is ended, and writing continues', async () => {
    const { open, schema } = await store();
    const index = await open({ url: `${server.url}?options=-c%20statement_timeout%3D300` });
    await write(index, [put('a', '1')]);
    const blocker = await lockRow(server, schema, 'a');
    await expect(write(index, [put('a', '2')])).rejects.toMatchObject({
      ...unavailable,
      message: 'the outcome is unknown: the index could not be written: the database took too long',
    });
    await blocker.query('COMMIT');
    await recovered(index);
    expect(await increment(index, 'a')).toBe(2);
  });

  test('more snapshots of different instants than connections wait for one another', async () => {
    const { open } = await store();
    const index = await open({ momentsMax: 2 });
    const taken = [];
    for (let round = 1; round <= 3; round++) {
      await write(index, [put('a', String(round))]);
      taken.push(index.snapshot());
    }
    const [first, second, third] = taken;
    const late = watch(third!.get(key('a')));
    expect(text(await first!.get(key('a')))).toBe('1');
    expect(text(await second!.get(key('a')))).toBe('2');
    expect(late.state).toBe('pending');
    await first![Symbol.asyncDispose]();
    await late.settled;
    expect(text(late.value)).toBe('3');
    for (const snapshot of [second!, third!]) await snapshot[Symbol.asyncDispose]();
  });

  test('the longest keys and large values that a server could refuse are taken', async () => {
    const { open } = await store();
    const index = await open();
    // Random characters, which no compression makes shorter.
    const name = Array.from({ length: 2_600 }, () => String.fromCharCode(1 + Math.random() * 254)).join('');
    await write(index, [put(name, 'x'.repeat(1024 * 1024))]);
    expect((await look(index, name))?.length).toBe(1024 * 1024);
  });

  describe('what cannot be used says why, and what to do', () => {
    const refused = async (open: Promise<Index>) => {
      const error = await open.then(
        () => expect.unreachable('the index was opened'),
        (failure: Error & { reason?: string }) => failure,
      );
      expect(error.reason).toBe('STORE_UNAVAILABLE');
      return error.message;
    };

    test('nothing listens, or something else', async () => {
      const { open } = await store();
      expect(await refused(open({ url: 'postgres://postgres@127.0.0.1:1/postgres' }))).toMatch(
        /^the index could not be opened: the database cannot be reached: .*ECONNREFUSED/,
      );
      const other = createServer((_request, response) => response.end('hello'));
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      onTestFinished(() => void other.close());
      const { port } = other.address() as { port: number };
      expect(await refused(open({ url: `postgres://postgres@127.0.0.1:${port}/postgres` }))).toContain(
        'at the address of the database something ended the connection before it was made: perhaps it is not PostgreSQL',
      );
    });

    test('a database or a user that does not exist', async () => {
      const { open } = await store();
      const url = server.url.replace(/postgres$/, 'absent');
      expect(await refused(open({ url }))).toContain('the database does not exist');
      expect(await refused(open({ url: server.urlAt(server.address, 'nobody') }))).toContain(
        'the database refuses the user',
      );
    });

    test('a user without the right to make a schema', async () => {
      const { open, schema } = await store();
      await server.run('CREATE ROLE small LOGIN');
      onTestFinished(async () => void (await server.run('DROP OWNED BY small; DROP ROLE small')));
      const url = server.urlAt(server.address, 'small');
      expect(await refused(open({ url }))).toContain(
        `let an administrator run: CREATE SCHEMA "${schema}" AUTHORIZATION`,
      );
      await server.run(`CREATE SCHEMA "${schema}" AUTHORIZATION small`);
      expect(await increment(await open({ url }), 'a')).toBe(1);
    });

    test('a user who may only read', async () => {
      const { open } = await store();
      await server.run('CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on');
      onTestFinished(async () => void (await server.run('DROP ROLE reader')));
      const url = server.urlAt(server.address, 'reader');
      expect(await refused(open({ url }))).toContain(
        'the database is read-only; switch default_transaction_read_only off',
      );
    });

    test('a schema of another program, and a newer format', async () => {
      const { open, schema } = await store();
      await server.run(`CREATE SCHEMA "${schema}"; CREATE TABLE "${schema}".customers ()`);
      expect(await refused(open())).toContain(
        `the schema ${schema} has other tables (customers); give the store`,
      );
      await server.run(`CREATE TABLE "${schema}".store (); CREATE TABLE "${schema}".rows ()`);
      expect(await refused(open())).toContain('has a table store that is not Artifacta’s');
      await server.drop(schema);
      await (await open()).close();
      await server.run(`UPDATE "${schema}".store SET format = 2`);
      expect(await refused(open())).toContain(
        'has format 2, and this release reads 1; use the release that wrote it',
      );
    });

    test('a database that lacks acknowledged commits, such as an old copy', async () => {
      const { open, schema } = await store();
      const index = await open();
      for (let round = 0; round < 3; round++) await increment(index, 'a');
      await index.close();
      await server.drop(schema);
      await expect(open()).rejects.toMatchObject({
        reason: 'DATA_LOSS',
        message:
          'the index lost commits 1..3: perhaps a standby has taken over that had not received them, or the database ' +
          'was restored',
      });
    });
  });

  test('a user whose commits are not durable gets durable ones, and a warning', async () => {
    const { schema } = await store();
    await server.run('CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET synchronous_commit = off');
    const warnings: string[] = [];
    const connection = await Connection.open(server.urlAt(server.address, 'hasty'));
    onTestFinished(async () => {
      await connection.close();
      await server.drop(schema);
      await server.run('DROP ROLE hasty');
    });
    await new Ownership({ schema, warn: (message) => warnings.push(message) }).take(connection);
    const setting = await connection.query({
      name: 'q',
      text: `SELECT current_setting('synchronous_commit')`,
    });
    expect(setting).toEqual([['on']]);
    expect(warnings).toEqual([expect.stringContaining('acknowledges writes before they are durable')]);
  });
});
