/** Three ways to keep artifacts and their metadata in PostgreSQL: what is created, inserted and asked. */
import { v7 } from 'uuid';
import type { Push } from '../harness/pushes.ts';

/** A prepared statement with its values, as `pg` takes it. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** Two equalities and a range of time in milliseconds since the Unix epoch, without its ends. */
export interface Query {
  /** One of {@link pairKeys}. */
  readonly key: string;
  readonly value: string;
  readonly contentType: string;
  readonly afterMs: number;
  /** Default: until now. */
  readonly beforeMs?: number;
  readonly limit: number;
}

export interface Schema {
  /** Of the schema in the database. */
  readonly name: 'eav' | 'composite' | 'jsonb';
  readonly what: string;
  /** Without indexes, so that they can be made after a load. */
  readonly tables: string;
  readonly indexes: string;
  /** One durable transaction in one round trip. */
  insert(push: Push): Statement;
  /** The newest of them. The answer has `metadata` as JSON, or as columns. */
  newest(query: Query): Statement;
}

/** Metadata keys that queries combine with a content type. */
const pairKeys = ['agent', 'pipeline', 'model'] as const;

/** All metadata keys of the pushes and of the generated stores: the columns of the composite schema. */
export const columnKeys = [
  ...pairKeys,
  ...['stage', 'incident', 'campaign', 'region', 'tier', 'use', 'tool', 'task', 'step'],
];

/** The columns that an artifact has in every schema. */
const artifactColumns = `
  id uuid NOT NULL,
  latest boolean NOT NULL,
  session text NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  content_type text NOT NULL,
  size bigint NOT NULL,
  sha256 bytea NOT NULL,
  create_time bigint NOT NULL,
  expire_time bigint,
  request_id uuid,
  rest jsonb,
  content bytea`;

/** Without what a query does not return: the content and the request id. */
const found = [
  ...['id', 'session', 'name', 'version', 'content_type', 'size', 'sha256', 'create_time', 'expire_time'],
  'rest',
]
  .map((column) => `a.${column}`)
  .join(', ');

/** Random bytes are not worth an attempt to compress them. */
const create = (schema: string, more: string) => `
  CREATE SCHEMA ${schema};
  CREATE TABLE ${schema}.artifact (${artifactColumns}${more});
  ALTER TABLE ${schema}.artifact ALTER COLUMN content SET STORAGE EXTERNAL;`;

const commonIndexes = (schema: string) => `
  ALTER TABLE ${schema}.artifact ADD PRIMARY KEY (id);
  CREATE UNIQUE INDEX ON ${schema}.artifact (session, name, version);`;

const insertColumns =
  'id, latest, session, name, version, content_type, size, sha256, create_time, request_id, content';
const insertValues = '$1, true, $2, $3, 1, $4, $5, $6, $7, $8, $9';

function insertOf(push: Push): unknown[] {
  return [
    v7(),
    push.session,
    push.name,
    'application/json',
    push.value.length,
    Buffer.from(push.sha256, 'hex'),
    Date.now(),
    push.requestId,
    push.value,
  ];
}

const isCurrent = 'a.latest AND (a.expire_time IS NULL OR a.expire_time > $5)';

/** An id is a UUIDv7: it begins with the milliseconds of its artifact. */
function queryOf(query: Query, first: unknown = query.value): unknown[] {
  const { contentType, afterMs, beforeMs = Date.now(), limit } = query;
  return [first, contentType, uuidAt(afterMs + 1), uuidAt(beforeMs), Date.now(), limit];
}

function uuidAt(ms: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(ms, 0, 6);
  return bytes.toString('hex');
}

const eav: Schema = {
  name: 'eav',
  what: 'a row, a row for each metadata key, four indexes',
  tables: `${create('eav', '')}
    CREATE TABLE eav.metadata (artifact uuid NOT NULL, key text NOT NULL, value text NOT NULL);`,
  indexes: `${commonIndexes('eav')}
    ALTER TABLE eav.metadata ADD PRIMARY KEY (artifact, key);
    CREATE INDEX ON eav.metadata (key, value, artifact);`,
  insert: (push) => ({
    name: 'eav_insert',
    text: `WITH one AS (INSERT INTO eav.artifact (${insertColumns}) VALUES (${insertValues}))
      INSERT INTO eav.metadata SELECT $1, key, value FROM unnest($10::text[], $11::text[]) AS pair (key, value)`,
    values: [...insertOf(push), Object.keys(push.metadata), Object.values(push.metadata)],
  }),
  newest: (query) => ({
    name: 'eav_newest',
    text: `SELECT ${found},
        (SELECT json_object_agg(key, value) FROM eav.metadata m WHERE m.artifact = a.id) AS metadata
      FROM eav.metadata wanted JOIN eav.artifact a ON a.id = wanted.artifact
      WHERE wanted.key = $7 AND wanted.value = $1 AND a.content_type = $2
        AND wanted.artifact >= $3 AND wanted.artifact < $4 AND ${isCurrent}
      ORDER BY wanted.artifact DESC LIMIT $6`,
    values: [...queryOf(query), query.key],
  }),
};

const composite: Schema = {
  name: 'composite',
  what: 'a row with a column for each metadata key, and indexes for the pairs that are asked for',
  tables: create('composite', columnKeys.map((key) => `, "${key}" text`).join('')),
  indexes: `${commonIndexes('composite')}
    ${pairKeys.map((key) => `CREATE INDEX ON composite.artifact ("${key}", content_type, id) WHERE latest;`).join('\n')}`,
  insert: (push) => {
    const keys = Object.keys(push.metadata);
    const columns = keys.map((key) => `, "${key}"`).join('');
    const values = keys.map((_, at) => `, $${10 + at}`).join('');
    return {
      name: `composite_insert_${keys.join('_')}`,
      text: `INSERT INTO composite.artifact (${insertColumns}${columns}) VALUES (${insertValues}${values})`,
      values: [...insertOf(push), ...Object.values(push.metadata)],
    };
  },
  newest: (query) => ({
    name: `composite_newest_${query.key}`,
    text: `SELECT ${found}, ${columnKeys.map((key) => `a."${key}"`).join(', ')} FROM composite.artifact a
      WHERE a."${query.key}" = $1 AND a.content_type = $2 AND a.id >= $3 AND a.id < $4 AND ${isCurrent}
      ORDER BY a.id DESC LIMIT $6`,
    values: queryOf(query),
  }),
};

const jsonb: Schema = {
  name: 'jsonb',
  what: 'a row with its metadata as JSONB, and a GIN index over that',
  tables: create('jsonb', ', metadata jsonb NOT NULL'),
  indexes: `${commonIndexes('jsonb')}
    CREATE INDEX ON jsonb.artifact USING gin (metadata jsonb_path_ops);`,
  insert: (push) => ({
    name: 'jsonb_insert',
    text: `INSERT INTO jsonb.artifact (${insertColumns}, metadata) VALUES (${insertValues}, $10)`,
    values: [...insertOf(push), JSON.stringify(push.metadata)],
  }),
  newest: (query) => ({
    name: 'jsonb_newest',
    text: `SELECT ${found}, a.metadata FROM jsonb.artifact a
      WHERE a.metadata @> $1 AND a.content_type = $2 AND a.id >= $3 AND a.id < $4 AND ${isCurrent}
      ORDER BY a.id DESC LIMIT $6`,
    values: queryOf(query, JSON.stringify({ [query.key]: query.value })),
  }),
};

/** The first is the one that targets are about. */
export const schemas = [eav, composite, jsonb] as const;
