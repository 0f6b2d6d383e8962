/**
 * The tables of a store, in a schema of their own:
 *
 *   store   one row: the format of the tables, the epoch, and the process that owns the store
 *   rows    the rows of the index: key and value, in the order of the bytes
 */
import type { Failure } from '../../domain/errors.ts';
import type { Column, Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { DatabaseTrouble, refusal } from './troubles.ts';

/** Changes with the tables. */
const format = 1;
/** The oldest version that this code was made for. */
const versionMin = 140_000;

/** The row of the table `store`, the part that an opening needs. */
interface Store {
  readonly epoch: number;
  readonly owner: string;
}

/** Resolves if the server can be reached and takes writes. */
export async function probe(connections: Connections): Promise<void> {
  const connection = await connections.connect();
  try {
    await checkServer(connection, () => undefined);
  } finally {
    await connection.close();
  }
}

/** Returns the number of the server's lock for a schema, in digits. */
export async function schemaLockOf(
  connection: Connection,
  schema: string,
  purpose = 'index',
): Promise<string> {
  const [row] = await connection.query(
    { name: 'lock number', text: 'SELECT hashtextextended($1, 0)::text' },
    [`artifacta ${purpose} ${schema}`],
  );
  return row![0] as string;
}

/** Checks the tables, and makes them if they do not exist. @throws Failure STORE_UNAVAILABLE */
export async function prepareSchema(connection: Connection, schema: string): Promise<Store> {
  try {
    if (!(await hasTables(connection, schema))) await makeTables(connection, schema);
    return await readStore(connection, schema);
  } catch (error) {
    throw error instanceof DatabaseTrouble && error.code === '42501'
      ? privilegeLacking(schema, error)
      : error;
  }
}

/** Checks that what is written here lasts. @throws Failure STORE_UNAVAILABLE if nothing can be written. */
export async function checkServer(connection: Connection, warn: (message: string) => void): Promise<void> {
  const names = [
    'server_version_num',
    'transaction_read_only',
    'fsync',
    'full_page_writes',
    'synchronous_commit',
  ];
  const [row] = await connection.query({
    name: 'server',
    text: `SELECT version(), pg_is_in_recovery(), ${names.map((name) => `current_setting('${name}')`)}`,
  });
  const [version, isStandby, number, isReadOnly, fsync, fullPages, synchronous] = row as Column[];
  if (!String(version).startsWith('PostgreSQL') || Number(number) < versionMin)
    throw refuse(`the server is ${version}`, `use PostgreSQL ${Math.floor(versionMin / 10_000)} or later`);
  if (isStandby === true)
    throw refuse('the server is a standby, which takes no writes', 'give the address of the primary');
  if (isReadOnly === 'on')
    throw refuse('the database is read-only', 'switch default_transaction_read_only off for its user');
  for (const [name, value] of [
    ['fsync', fsync],
    ['full_page_writes', fullPages],
  ])
    if (value === 'off')
      warn(`the database has ${name} switched off: acknowledged writes are lost when its machine fails`);
  if (synchronous === 'off') {
    warn(
      'the database acknowledges writes before they are durable; this service has switched that off for itself',
    );
    await connection.run('SET synchronous_commit = on');
  }
}

async function hasTables(connection: Connection, schema: string): Promise<boolean> {
  const rows = await connection.query(
    {
      name: 'tables',
      text: `SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    },
    [schema],
  );
  const names = new Set(rows.map(([name]) => name));
  if (names.has('store') && names.has('rows')) return true;
  if (names.size === 0) return false;
  throw refuse(
    `the schema ${schema} has other tables (${[...names].sort().slice(0, 3).join(', ')})`,
    'give the store a schema of its own',
  );
}

async function makeTables(connection: Connection, schema: string): Promise<void> {
  const [found] = await connection.query(
    { name: 'schema', text: 'SELECT count(*) FROM pg_namespace WHERE nspname = $1' },
    [schema],
  );
  const statements = [
    'BEGIN',
    ...(found![0] === 0 ? [`CREATE SCHEMA "${schema}"`] : []),
    `CREATE TABLE "${schema}".store (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  format integer NOT NULL,
  epoch bigint NOT NULL,
  owner text NOT NULL,
  process integer NOT NULL
)`,
    rowsTable(schema, 'rows'),
    `INSERT INTO "${schema}".store (format, epoch, owner, process) VALUES (${format}, 0, '', 0)`,
    'COMMIT',
  ];
  await connection.run(statements.join(';\n'));
}

/** Returns the statements that make a table for rows. Values are not compressed: many are short, or compressed before. */
export function rowsTable(schema: string, name: string): string {
  const table = `"${schema}".${name}`;
  return `CREATE TABLE ${table} (key bytea PRIMARY KEY, value bytea NOT NULL)
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.2);
ALTER TABLE ${table} ALTER COLUMN value SET STORAGE EXTERNAL`;
}

async function readStore(connection: Connection, schema: string): Promise<Store> {
  let row: Column[] | undefined;
  try {
    [row] = await connection.query({
      name: 'store',
      text: `SELECT format, epoch, owner FROM "${schema}".store`,
    });
  } catch (error) {
    // A column is missing.
    if (error instanceof DatabaseTrouble && error.code === '42703') throw otherProgram(schema, error);
    throw error;
  }
  if (row === undefined) throw otherProgram(schema);
  const [found, epoch, owner] = row as [number, number, string];
  if (found !== format)
    throw refuse(
      `the index in the schema ${schema} has format ${found}, and this release reads ${format}`,
      'use the release that wrote it, or a later one',
    );
  return { epoch, owner };
}

function otherProgram(schema: string, cause?: unknown): Failure {
  return refuse(
    `the schema ${schema} has a table store that is not Artifacta’s`,
    'give the store a schema of its own',
    cause,
  );
}

function privilegeLacking(schema: string, cause: DatabaseTrouble): Failure {
  return refusal(
    cause,
    `let an administrator run: CREATE SCHEMA "${schema}" AUTHORIZATION …, with the user of this service`,
  );
}

function refuse(words: string, advice: string, cause?: unknown): Failure {
  return refusal(new DatabaseTrouble(words, undefined, cause), advice);
}
