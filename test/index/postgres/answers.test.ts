/** Answers of the server in binary, however they are cut into pieces. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Connection } from '../../../src/index/postgres/connection.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { Forwarder } from '../../support/forwarder.ts';
import { PostgresServer, postgresDirectory, postgresPrograms, postgresUser } from '../../support/postgres.ts';

describe.skipIf('missing' in postgresPrograms())('answers of PostgreSQL', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function connected(pieceBytes?: number): Promise<Connection> {
    const forwarder = await Forwarder.before(server.address);
    if (pieceBytes !== undefined) forwarder.pieceBytes = pieceBytes;
    const connection = await Connection.open(server.urlAt(forwarder.address));
    onTestFinished(() => connection.close());
    return connection;
  }

  test('have each kind of value, with a name and without', async () => {
    const connection = await connected();
    const text = `SELECT 1::int2, -2::int4, 9007199254740991::int8, 'grün'::text, NULL::bytea`;
    const numbers = [1, -2, 9_007_199_254_740_991, 'grün', null];
    expect(await connection.query({ name: 'kinds', text })).toEqual([numbers]);
    expect(await connection.query({ name: '', text })).toEqual([numbers]);
    expect(await connection.query({ name: 'truth', text: 'SELECT true, false' })).toEqual([[true, false]]);
  });

  test.each([1, 2, 3, 5, 7, 64, 1_000])('are the same in pieces of %i bytes', async (pieceBytes) => {
    const connection = await connected(pieceBytes);
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const values = [Buffer.alloc(0), every, randomBytes(20_000), Buffer.from('D\0\0\0\x05')];
    const statement = {
      name: 'echo',
      text: 'SELECT n, CASE n % 4 WHEN 0 THEN $1::bytea WHEN 1 THEN $2::bytea WHEN 2 THEN $3::bytea ELSE $4::bytea END FROM generate_series(0, 9) AS n',
    };
    const wanted = Array.from({ length: 10 }, (_, n) => [n, values[n % 4]]);
    const asked = [connection.query(statement, values), connection.query(statement, values)];
    expect(await Promise.all(asked)).toEqual([wanted, wanted]);
    await expect(connection.query({ name: 'wrong', text: 'SELECT 1/0' })).rejects.toThrow('division by zero');
    expect(await connection.query(statement, values)).toEqual(wanted);
  });

  test.skipIf(!hasOpenssl())('come over TLS as well, from a server that the authority knows', async () => {
    const directory = await postgresDirectory();
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const authority = new Authority(directory);
    const { cert, key } = authority.issue('server');
    const user = postgresUser();
    if (user !== undefined) execFileSync('chown', [user, cert, key]);
    const secure = await PostgresServer.start(['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]);
    onTestFinished(() => secure[Symbol.asyncDispose]());
    const trusted = `sslmode=verify-full&sslrootcert=${authority.cert}`;
    const connection = await Connection.open(`${secure.url}?${trusted}`);
    const text = `SELECT ssl, $1::bytea FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
    const value = randomBytes(100_000);
    expect(await connection.query({ name: 'tls', text }, [value])).toEqual([[true, value]]);
    const closing = connection.close();
    await connection.ended;
    await closing;
    await expect(Connection.open(`${server.url}?${trusted}`)).rejects.toThrow(
      'The server does not support SSL connections',
    );
  });
});
