/** The statements over the rows of one store. */
import type { Statement } from './connection.ts';

/** A page of a scan ends with the row that makes it this many bytes long. */
export const pageBytes = 1024 * 1024;

/** See {@link statementsOf}. */
export interface Statements {
  /** `epoch, removed keys, written keys, their values`: one row if this process still owns the store, and none if not. */
  readonly batch: Statement;
  /** `keys`: the place of a key that exists, from 1, and its value. */
  readonly read: Statement;
  /** `from, to, entries`: the rows of a page in ascending order, at least one if any exists. */
  readonly page: Statement;
  /** The same in descending order. */
  readonly pageDown: Statement;
}

/**
 * Returns the statements for the tables of a schema.
 *
 * A batch is one statement, and so one transaction. It locks the row with the epoch first: who raises the epoch waits
 * for its end, and a batch with an old epoch locks nothing and writes nothing, also if it has waited for that row. Nor
 * does a batch on another connection than the one that raised the epoch: a pooler could have sent it there.
 */
export function statementsOf(schema: string): Statements {
  const rows = `"${schema}".rows`;
  return {
    batch: {
      name: 'batch',
      text: `WITH fence AS MATERIALIZED (SELECT epoch FROM "${schema}".store
    WHERE epoch = $1::bigint AND process = pg_backend_pid() FOR SHARE),
  removed AS (DELETE FROM ${rows} USING fence WHERE key = ANY ($2::bytea[])),
  written AS (INSERT INTO ${rows} (key, value)
    SELECT given.key, given.value FROM fence, unnest($3::bytea[], $4::bytea[]) AS given (key, value)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value)
SELECT epoch FROM fence`,
    },
    read: {
      name: 'read',
      text: `SELECT wanted.place, found.value FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (key, place)
JOIN ${rows} AS found ON found.key = wanted.key`,
    },
    page: pageOf(rows, 'page', ''),
    pageDown: pageOf(rows, 'page down', ' DESC'),
  };
}

/** The length of a value is known without reading it. */
function pageOf(rows: string, name: string, order: string): Statement {
  return {
    name,
    text: `SELECT key, value FROM (
  SELECT key, value, sum(length(value)) OVER (ORDER BY key${order}) - length(value) AS before
  FROM (SELECT key, value FROM ${rows} WHERE key >= $1::bytea AND key < $2::bytea
    ORDER BY key${order} LIMIT $3::integer) AS found
) AS sized WHERE before < ${pageBytes} ORDER BY key${order}`,
  };
}

/** Returns the statement that writes rows, each key once: `keys, their values`. */
export function insertInto(schema: string, table: string): Statement {
  return {
    name: `insert ${table}`,
    text: `INSERT INTO "${schema}".${table} (key, value) SELECT key, value
FROM unnest($1::bytea[], $2::bytea[]) AS given (key, value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  };
}
