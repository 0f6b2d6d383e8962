/** What the tests of PostgreSQL share: a store on a server, and what can be seen of it there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { openPostgresIndex, type PostgresIndexOptions } from '../../../src/index/postgres/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { key } from '../support.ts';

interface Store {
  readonly schema: string;
  open(options?: Partial<PostgresIndexOptions>): Promise<Index>;
}

/** A store with a schema and a mark of its own. It goes when the test ends. */
export async function storeOn(server: PostgresServer): Promise<Store> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-store-'));
  const schema = server.newSchema();
  const opened: Index[] = [];
  onTestFinished(async () => {
    for (const index of opened) await index.close();
    await server.drop(schema);
    await rm(home, { recursive: true, force: true });
  });
  const open = async (options: Partial<PostgresIndexOptions> = {}) => {
    const place = { url: server.url, schema, markPath: join(home, 'mark'), waitSeconds: 1 };
    const index = await openPostgresIndex({ ...place, ...options });
    opened.push(index);
    return index;
  };
  return { schema, open };
}

/** Until the index takes writes again. */
export const recovered = (index: Index) =>
  expect.poll(() => index.trouble, { timeout: 30_000 }).toBeUndefined();

/** Until so many statements wait for locks. */
export const waitingForLocks = (server: PostgresServer, count: number) =>
  expect
    .poll(async () => {
      const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
      return (await server.run(waiting))[0]!.n;
    })
    .toBe(count);

/** A second connection with an open transaction that has locked this row of the index. */
export async function lockRow(server: PostgresServer, schema: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  await client.query(`SELECT 1 FROM "${schema}".rows WHERE key = $1 FOR UPDATE`, [key(name)]);
  return client;
}
