/**
 * The tables of replicas, in the schema of the store:
 *
 *   members   one row for each replica that lives or has lived: its number, its id, its address, the end of its lease
 *   writers   one row for each number: who writes under it reads the generation, and who takes it over raises it
 *   owners    one row for each namespace that was ever owned: the member that owns it, and the epoch of its ownership
 *   replaced  one row if the index was ever replaced: the epoch of the store in which it was last
 */
import type { Connection, Statement } from '../connection.ts';
import { shipmentOf } from './shipment-tables.ts';

/** Makes the tables if they do not exist. No other process may do so meanwhile. */
export async function prepareReplicaTables(connection: Connection, schema: string): Promise<void> {
  await connection.run(`CREATE TABLE IF NOT EXISTS "${schema}".members (
  number integer PRIMARY KEY,
  id text UNIQUE,
  address text NOT NULL,
  settings text NOT NULL,
  until timestamptz NOT NULL,
  serving boolean NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS "${schema}".writers (number integer PRIMARY KEY, generation bigint NOT NULL);
CREATE TABLE IF NOT EXISTS "${schema}".owners (
  ns text COLLATE "C" PRIMARY KEY,
  member text,
  number integer NOT NULL,
  before integer NOT NULL,
  epoch bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS "${schema}".replaced (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL
)`);
}

/** Ends every replica, for a process that has the store for itself: none of them can write any more. */
export async function endReplicas(connection: Connection, schema: string): Promise<void> {
  const [row] = await connection.query(
    { name: 'replica tables', text: 'SELECT to_regclass($1) IS NOT NULL' },
    [`"${schema}".writers`],
  );
  if (row![0] !== true) return;
  await connection.run(`UPDATE "${schema}".writers SET generation = generation + 1;
UPDATE "${schema}".members SET id = NULL, until = clock_timestamp();
UPDATE "${schema}".owners SET member = NULL, epoch = epoch + 1`);
}

/** See {@link replicaStatementsOf}. */
export interface ReplicaStatements {
  /** `settings`: the address of a living member with other settings, and those. */
  readonly others: Statement;
  /** `id, address, settings, lease in ms`: the number of the new member. It is one that was free for long, or is new. */
  readonly join: Statement;
  /** `number, id, new id, lease in ms`: its number, unless another member has it by now. */
  readonly rejoin: Statement;
  /**
   * `number, id, lease in ms`: for each member, the server's time in ms, whether this member's lease was renewed, and
   * the other's number, id, address, whether it takes calls, and whether it lives.
   */
  readonly beat: Statement;
  /** `number, id, whether`: the member takes calls from now on, or does not any more. */
  readonly serve: Statement;
  /** `number, id`: the member ends. */
  readonly leave: Statement;
  /** `number, id`: the generation of the batches of a new connection. None if another member has the number. */
  readonly raise: Statement;
  /**
   * `ns`: the id of the member that owns it, its address, and whether it lives; and the members that live, as JSON: number,
   * id, address, whether it takes calls.
   */
  readonly owner: Statement;
  /** `ns, id, number`: the epoch, and the number of the owner before. None if a living member owns it. */
  readonly takeOver: Statement;
  /** `namespaces, id`: gives them up. */
  readonly release: Statement;
  /**
   * `number, generation, namespaces, epochs, removed keys, written keys, their values`: how many of the first two and of
   * the namespaces are still this writer's. If not all are, nothing was written.
   */
  readonly batch: Statement;
  /** `…, commit, its time` in ms: the same, and the batch waits to be shipped. */
  readonly shippedBatch: Statement;
}

/** A number that was free for less than this may still belong to a process that was only paused. */
const freeNumberMinutes = 10;

const arrayOf = (place: string, type: string) =>
  `ARRAY(SELECT json_array_elements_text(${place}::json)::${type})`;

const lease = (place: string) => `clock_timestamp() + ${place}::integer * interval '1 millisecond'`;
const isLive = (member: string) => `${member}.id IS NOT NULL AND ${member}.until > clock_timestamp()`;

/** Returns the statements over the tables of a schema. Arrays are JSON. */
export function replicaStatementsOf(schema: string): ReplicaStatements {
  return {
    ...memberStatementsOf(schema),
    ...ownerStatementsOf(schema),
    batch: batchOf(schema, 'replica batch'),
    shippedBatch: batchOf(schema, 'shipped batch', shipmentOf(schema)),
  };
}

type MemberStatements = Pick<
  ReplicaStatements,
  'others' | 'join' | 'rejoin' | 'beat' | 'serve' | 'leave' | 'raise'
>;

function memberStatementsOf(schema: string): MemberStatements {
  const [members, writers] = [`"${schema}".members`, `"${schema}".writers`];
  return {
    others: {
      name: 'others',
      text: `SELECT address, settings FROM ${members} AS m WHERE ${isLive('m')} AND settings <> $1 LIMIT 1`,
    },
    join: {
      name: 'join',
      text: `WITH free AS (SELECT coalesce(
    (SELECT min(number) FROM ${members}
     WHERE id IS NULL OR until < clock_timestamp() - interval '${freeNumberMinutes} minutes'),
    (SELECT coalesce(max(number), 0) + 1 FROM ${members})) AS number),
  fence AS (INSERT INTO ${writers} (number, generation) SELECT number, 1 FROM free
    ON CONFLICT (number) DO UPDATE SET generation = writers.generation + 1)
INSERT INTO ${members} (number, id, address, settings, until, serving)
SELECT number, $1, $2, $3, ${lease('$4')}, false FROM free
ON CONFLICT (number) DO UPDATE SET id = excluded.id, address = excluded.address, settings = excluded.settings,
  until = excluded.until, serving = false
RETURNING number`,
    },
    rejoin: {
      name: 'rejoin',
      text: `UPDATE ${members} SET id = $3, until = ${lease('$4')} WHERE number = $1::integer AND id = $2 RETURNING number`,
    },
    beat: {
      name: 'beat',
      text: `WITH renewed AS (UPDATE ${members} SET until = ${lease('$3')}
  WHERE number = $1::integer AND id = $2 AND until > clock_timestamp() RETURNING number)
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (SELECT count(*) FROM renewed) > 0,
  m.number, m.id, m.address, m.serving, ${isLive('m')} FROM ${members} AS m ORDER BY m.number`,
    },
    serve: {
      name: 'serve',
      text: `UPDATE ${members} SET serving = $3::boolean WHERE number = $1::integer AND id = $2`,
    },
    leave: {
      name: 'leave',
      text: `UPDATE ${members} SET id = NULL, until = clock_timestamp() WHERE number = $1::integer AND id = $2`,
    },
    raise: {
      name: 'raise writer',
      text: `UPDATE ${writers} SET generation = generation + 1 WHERE number = $1::integer
  AND EXISTS (SELECT FROM ${members} AS m WHERE m.number = $1::integer AND m.id = $2) RETURNING generation`,
    },
  };
}

function ownerStatementsOf(schema: string): Pick<ReplicaStatements, 'owner' | 'takeOver' | 'release'> {
  const [members, owners] = [`"${schema}".members`, `"${schema}".owners`];
  return {
    owner: {
      name: 'owner of',
      text: `SELECT o.member, m.address, coalesce(${isLive('m')}, false),
  (SELECT coalesce(json_agg(json_build_array(l.number, l.id, l.address, l.serving) ORDER BY l.number), '[]')::text
   FROM ${members} AS l WHERE ${isLive('l')})
FROM (SELECT $1::text AS ns) AS wanted LEFT JOIN ${owners} AS o ON o.ns = wanted.ns
LEFT JOIN ${members} AS m ON m.id = o.member`,
    },
    takeOver: {
      name: 'take over',
      // A renewal of the other's lease that is not committed yet is waited for.
      text: `WITH seen AS MATERIALIZED (SELECT o.member FROM ${owners} AS o WHERE o.ns = $1),
  other AS MATERIALIZED (SELECT m.until FROM ${members} AS m JOIN seen ON m.id = seen.member
    WHERE m.id <> $2 FOR SHARE OF m)
INSERT INTO ${owners} (ns, member, number, before, epoch)
SELECT $1, m.id, m.number, m.number, 1 FROM ${members} AS m
WHERE m.number = $3::integer AND m.id = $2 AND ${isLive('m')}
ON CONFLICT (ns) DO UPDATE
  SET member = excluded.member, number = excluded.number, before = owners.number, epoch = owners.epoch + 1
WHERE owners.member IS NOT DISTINCT FROM (SELECT member FROM seen)
  AND NOT EXISTS (SELECT FROM other WHERE until > clock_timestamp())
RETURNING epoch, before`,
    },
    release: {
      name: 'release',
      text: `UPDATE ${owners} SET member = NULL, epoch = epoch + 1
WHERE ns = ANY (${arrayOf('$1', 'text')}) AND member = $2`,
    },
  };
}

/** @param also a further part of the statement. */
function batchOf(schema: string, name: string, also?: string): Statement {
  const [writers, owners, rows] = [`"${schema}".writers`, `"${schema}".owners`, `"${schema}".rows`];
  return {
    name,
    text: `WITH writer AS MATERIALIZED
    (SELECT number FROM ${writers} WHERE number = $1::integer AND generation = $2::bigint FOR SHARE),
  owned AS MATERIALIZED (SELECT o.ns FROM ${owners} AS o
    JOIN unnest(${arrayOf('$3', 'text')}, ${arrayOf('$4', 'bigint')}) AS given (ns, epoch)
      ON o.ns = given.ns AND o.epoch = given.epoch FOR SHARE OF o),
  still AS MATERIALIZED (SELECT (SELECT count(*) FROM writer) AS writers, (SELECT count(*) FROM owned) AS namespaces),
  fence AS MATERIALIZED (SELECT FROM still WHERE writers = 1 AND namespaces = json_array_length($3::json)),
  removed AS (DELETE FROM ${rows} USING fence WHERE key = ANY ($5::bytea[])),
  written AS (INSERT INTO ${rows} (key, value)
    SELECT given.key, given.value FROM fence, unnest($6::bytea[], $7::bytea[]) AS given (key, value)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value)${also === undefined ? '' : `,\n  ${also}`}
SELECT writers, namespaces FROM still`,
  };
}
