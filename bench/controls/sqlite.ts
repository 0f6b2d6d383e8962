/**
 * The same artifacts in SQLite, in this process, with an index made for the one query that is compared: it covers the
 * conditions, so that only the records that are found are read.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { idToBytes } from '../../src/domain/ids.ts';
import type { ArtifactRecord } from '../../src/index/records.ts';
import type { KeptStore } from '../stores/cache.ts';
import { StoreGenerator } from '../stores/generate.ts';

const schema = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  CREATE TABLE artifact (
    id BLOB NOT NULL,
    latest INTEGER NOT NULL,
    agent TEXT NOT NULL,
    content_type TEXT NOT NULL,
    expire_time INTEGER,
    record TEXT NOT NULL
  );`;
const index = `CREATE INDEX newest ON artifact (agent, content_type, id, expire_time) WHERE latest = 1;`;

const query = `
  SELECT record FROM artifact
  WHERE latest = 1 AND agent = ? AND content_type = ? AND id > ? AND (expire_time IS NULL OR expire_time > ?)
  ORDER BY id DESC LIMIT ?`;

/** Its cache holds the whole index, and so does the page cache of the system. */
const cacheKibibytes = 64 * 1024;

export class SqliteStore implements Disposable {
  private readonly database: DatabaseSync;
  private readonly statement: StatementSync;

  /** Of a store; made and kept beside it the first time. */
  static of(store: KeptStore, say: (message: string) => void): SqliteStore {
    const path = join(store.directory, 'control.sqlite');
    if (!existsSync(path)) {
      say('building the same store in SQLite');
      build(path, new StoreGenerator(store.spec));
    }
    return new SqliteStore(path);
  }

  private constructor(path: string) {
    this.database = new DatabaseSync(path, { readOnly: true });
    this.database.exec(`PRAGMA cache_size = -${cacheKibibytes}`);
    this.statement = this.database.prepare(query);
  }

  /** The newest artifacts of an agent and a type since then, decoded. */
  newest(agent: string, contentType: string, sinceMs: number, limit: number): ArtifactRecord[] {
    const since = Buffer.alloc(16);
    since.writeUIntBE(sinceMs, 0, 6);
    const rows = this.statement.all(agent, contentType, since, Date.now(), limit);
    return rows.map(({ record }) => JSON.parse(record as string) as ArtifactRecord);
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

function build(path: string, generator: StoreGenerator): void {
  const building = `${path}.building`;
  rmSync(building, { force: true });
  const database = new DatabaseSync(building);
  try {
    database.exec(schema);
    database.exec('BEGIN');
    const insert = database.prepare('INSERT INTO artifact VALUES (?, ?, ?, ?, ?, ?)');
    for (const { artifacts } of generator.sessions())
      for (const { record, isLatest } of artifacts) {
        const { id, contentType, expireTime, hold } = record;
        const agent = record.metadata.find(([key]) => key === 'agent')![1];
        const expiry = hold ? null : (expireTime ?? null);
        insert.run(idToBytes(id), isLatest ? 1 : 0, agent, contentType, expiry, JSON.stringify(record));
      }
    database.exec('COMMIT');
    database.exec(index);
    database.exec('ANALYZE');
  } finally {
    database.close();
  }
  renameSync(building, path);
}
