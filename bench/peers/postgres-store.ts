/** A generated store in PostgreSQL, in each schema: loaded once by COPY and kept beside the store. */
import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { idToBytes } from '../../src/domain/ids.ts';
import { MiB } from '../harness/content.ts';
import type { KeptStore } from '../stores/cache.ts';
import { type GeneratedArtifact, StoreGenerator } from '../stores/generate.ts';
import { Postgres } from './postgres.ts';
import { columnKeys, type Schema, schemas } from './schemas.ts';

/** Changes with what is loaded and how it is indexed. */
const version = 1;

/** The cluster of a store, started. @throws PeerMissing. */
export async function postgresOf(store: KeptStore, say: (message: string) => void): Promise<Postgres> {
  const directory = join(store.directory, `postgres-15-${version}`);
  if (!existsSync(directory)) {
    const building = `${directory}.building`;
    rmSync(building, { recursive: true, force: true });
    await build(building, new StoreGenerator(store.spec), say);
    renameSync(building, directory);
  }
  return await Postgres.start(directory);
}

async function build(directory: string, generator: StoreGenerator, say: (message: string) => void) {
  await using cluster = await Postgres.start(directory);
  await using connection = await cluster.connect();
  for (const schema of schemas) {
    say(`loading the same store into PostgreSQL, schema ${schema.name}`);
    await connection.pg.query(schema.tables);
    for (const [table, lines] of tablesOf(schema)) {
      const path = `${directory}.copy`;
      try {
        writeLines(path, generator, lines);
        await connection.pg.query(`COPY ${schema.name}.${table} FROM '${path.replaceAll("'", "''")}'`);
      } finally {
        rmSync(path, { force: true });
      }
    }
    await connection.pg.query(schema.indexes);
    await connection.pg.query(`VACUUM (ANALYZE) ${schema.name}.artifact`);
    if (schema.name === 'eav') await connection.pg.query('VACUUM (ANALYZE) eav.metadata');
  }
  await connection.pg.query('CHECKPOINT');
}

/** The rows that one artifact makes. */
type Lines = (artifact: GeneratedArtifact) => readonly Row[];
/** Values in the order of the columns. */
type Row = readonly (string | number | boolean | undefined)[];

function tablesOf({ name }: Schema): readonly (readonly [table: string, lines: Lines])[] {
  if (name === 'jsonb')
    return [
      [
        'artifact',
        (artifact) => [
          [...columnsOf(artifact), JSON.stringify(Object.fromEntries(artifact.record.metadata))],
        ],
      ],
    ];
  if (name === 'composite') {
    const columns: Lines = (artifact) => {
      const values = new Map(artifact.record.metadata);
      return [[...columnsOf(artifact), ...columnKeys.map((key) => values.get(key))]];
    };
    return [['artifact', columns]];
  }
  const pairs: Lines = ({ record }) => {
    const id = uuidOf(record.id);
    return record.metadata.map(([key, value]) => [id, key, value]);
  };
  return [
    ['artifact', (artifact) => [columnsOf(artifact)]],
    ['metadata', pairs],
  ];
}

/** The columns that an artifact has in every schema. Contents are left out: no query returns them. */
function columnsOf({ record, isLatest }: GeneratedArtifact): Row {
  const { uid, labels, inputs, inherited, feed, hold, revision } = record;
  return [
    uuidOf(record.id),
    isLatest,
    record.session,
    record.name,
    record.version,
    record.contentType,
    record.size,
    `\\x${record.sha256}`,
    record.createTime,
    record.hold ? undefined : record.expireTime,
    undefined,
    JSON.stringify({ uid, labels, inputs, inherited, feed, hold, revision, expireTime: record.expireTime }),
    undefined,
  ];
}

function uuidOf(id: Parameters<typeof idToBytes>[0]): string {
  return Buffer.from(idToBytes(id)).toString('hex');
}

/** In the text format of COPY, for the server to read. */
function writeLines(path: string, generator: StoreGenerator, lines: Lines): void {
  const file = openSync(path, 'w');
  try {
    chmodSync(path, 0o644);
    let text = '';
    for (const { artifacts } of generator.sessions()) {
      for (const artifact of artifacts)
        for (const row of lines(artifact)) text += `${row.map(escaped).join('\t')}\n`;
      if (text.length < MiB) continue;
      writeSync(file, text);
      text = '';
    }
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

function escaped(value: Row[number]): string {
  if (value === undefined) return '\\N';
  return String(value)
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
}
