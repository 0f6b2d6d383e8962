/**
 * The tables of what replicas ship, in the schema of the store:
 *
 *   shipments  one row for each batch that was not shipped yet, written in the transaction of that batch. Its id is drawn
 *              there, so that a batch which could begin only when another had ended has the higher id
 *   numbered   one row for each batch that a cut has given a position, with the first position of its segment
 *   shipping   one row: the chain, the highest position, and the newest commit of each ring that a cut has seen
 */
import type { Connection, Statement } from '../connection.ts';

/** The bytes of a segment, roughly: the batch that makes it larger is its last. */
const segmentBytes = 8 * 1024 * 1024;

/** Makes the tables if they do not exist. No other process may do so meanwhile. */
export async function prepareShipmentTables(connection: Connection, schema: string): Promise<void> {
  // A change of a table, which is none, would wait for all batches all the same.
  if (await hasTables(connection, schema)) return;
  const shipments = `"${schema}".shipments`;
  await connection.run(`CREATE TABLE ${shipments} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ring integer NOT NULL,
  seq bigint NOT NULL,
  time bigint NOT NULL,
  batch bytea NOT NULL
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
ALTER TABLE ${shipments} ALTER COLUMN batch SET STORAGE EXTERNAL;
CREATE TABLE "${schema}".numbered (
  id bigint PRIMARY KEY,
  position bigint NOT NULL,
  first bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE "${schema}".shipping (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  chain text,
  rooted boolean NOT NULL,
  segments bigint NOT NULL,
  position bigint NOT NULL,
  rings text NOT NULL
);
INSERT INTO "${schema}".shipping (chain, rooted, segments, position, rings) VALUES (NULL, false, 0, 0, '{}')`);
}

/** Ends the chain, for a process that has the store for itself: what it writes never waits there. */
export async function endShipping(connection: Connection, schema: string): Promise<void> {
  if (await hasTables(connection, schema)) await connection.run(endOf(schema));
}

async function hasTables(connection: Connection, schema: string): Promise<boolean> {
  const [row] = await connection.query(
    { name: 'shipping tables', text: 'SELECT to_regclass($1) IS NOT NULL' },
    [`"${schema}".shipping`],
  );
  return row![0] === true;
}

const endOf = (schema: string) => `DELETE FROM "${schema}".numbered;
DELETE FROM "${schema}".shipments;
UPDATE "${schema}".shipping SET chain = NULL, rooted = false, segments = 0`;

/** See {@link shipmentStatementsOf}. Several statements in one text have no values. */
export interface ShipmentStatements {
  /** Begins a transaction that changes the positions: a later one sees all that it has done. */
  readonly lock: string;
  /** The epoch of the store: it stays the same until the end of the transaction. */
  readonly epoch: Statement;
  /** The chain, whether it has an export, its segments since then, the time, and that of the oldest batch, in ms. */
  readonly state: Statement;
  /** The chain, whether it has an export, the highest position, and the newest commit of each ring as JSON. */
  readonly shipping: Statement;
  /** `highest position`: numbers what has no number; for each ring, its first and last commit in that, and how many. */
  readonly number: Statement;
  /** The bytes of all batches. */
  readonly bytes: Statement;
  /** `highest position, rings, added segments`. */
  readonly note: Statement;
  /** Drops everything that waits. */
  readonly end: string;
  /** `chain, highest position, rings`. */
  readonly begin: Statement;
  readonly waiting: Statement;
  /** `first position`: position, time and batch, in order; the chain, and whether it has an export. */
  readonly read: Statement;
  /** `first position`. */
  readonly remove: Statement;
  /** `chain`. */
  readonly root: Statement;
}

/** The longest pause between two statements of a cut: meanwhile no other process can ship. */
const pausedMs = 5_000;

const msOf = (time: string) => `(extract(epoch FROM ${time}) * 1000)::bigint`;

/** Returns the statements over the tables of a schema. */
export function shipmentStatementsOf(schema: string): ShipmentStatements {
  const [shipments, numbered] = [`"${schema}".shipments`, `"${schema}".numbered`];
  const shipping = `"${schema}".shipping`;
  return {
    // Before the snapshot of the transaction, which the first query takes. A process that is paused here ends for the others.
    lock: `BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL idle_in_transaction_session_timeout = ${pausedMs};
LOCK TABLE ${shipping} IN EXCLUSIVE MODE`,
    epoch: { name: 'epoch of shipments', text: `SELECT epoch FROM "${schema}".store FOR SHARE` },
    state: {
      name: 'state of shipping',
      text: `SELECT chain, rooted, segments, ${msOf('clock_timestamp()')},
  (SELECT ${msOf('at')} FROM ${shipments} ORDER BY id LIMIT 1) FROM ${shipping}`,
    },
    shipping: { name: 'shipping', text: `SELECT chain, rooted, position, rings FROM ${shipping}` },
    number: {
      name: 'number shipments',
      text: `WITH fresh AS MATERIALIZED (SELECT id, ring, seq, row_number() OVER (ORDER BY id) AS n,
    (sum(length(batch)) OVER (ORDER BY id) - length(batch)) / ${segmentBytes} AS part
  FROM ${shipments} AS s WHERE NOT EXISTS (SELECT FROM ${numbered} AS d WHERE d.id = s.id)),
placed AS (INSERT INTO ${numbered} (id, position, first)
  SELECT id, $1::bigint + n, $1::bigint + min(n) OVER (PARTITION BY part) FROM fresh)
SELECT ring, min(seq), max(seq), count(*), (SELECT count(DISTINCT part) FROM fresh) FROM fresh GROUP BY ring`,
    },
    bytes: { name: 'bytes of shipments', text: `SELECT coalesce(sum(length(batch)), 0) FROM ${shipments}` },
    note: {
      name: 'note shipments',
      text: `UPDATE ${shipping} SET position = $1::bigint, rings = $2, segments = segments + $3::bigint`,
    },
    end: endOf(schema),
    begin: {
      name: 'begin shipping',
      text: `UPDATE ${shipping} SET chain = $1, rooted = false, segments = 0, position = $2::bigint, rings = $3`,
    },
    waiting: { name: 'waiting segments', text: `SELECT DISTINCT first FROM ${numbered} ORDER BY first` },
    read: {
      name: 'read segment',
      text: `SELECT d.position, s.time, s.batch, c.chain, c.rooted
FROM ${shipping} AS c, ${numbered} AS d JOIN ${shipments} AS s ON s.id = d.id
WHERE d.first = $1::bigint ORDER BY d.position`,
    },
    remove: {
      name: 'remove segment',
      text: `WITH gone AS (DELETE FROM ${numbered} WHERE first = $1::bigint RETURNING id)
DELETE FROM ${shipments} AS s USING gone WHERE s.id = gone.id`,
    },
    root: {
      name: 'root shipping',
      text: `UPDATE ${shipping} SET rooted = true, segments = 0 WHERE chain = $1`,
    },
  };
}

/** The part of the statement of a batch that has it wait: `number, …, commit, its time` after its other values. */
export function shipmentOf(schema: string): string {
  return `shipped AS (INSERT INTO "${schema}".shipments (ring, seq, time, batch)
    SELECT $1::integer, $8::bigint, $9::bigint,
      array_send($5::bytea[]) || array_send($6::bytea[]) || array_send($7::bytea[]) FROM fence)`;
}
