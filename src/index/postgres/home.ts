/**
 * The home of an index on PostgreSQL. A replacement is a second table next to the first, and takes its name in one
 * transaction. What is left of one that was not finished goes when the next begins.
 */
import { Failure } from '../../domain/errors.ts';
import { textOf } from '../bytes.ts';
import type { IndexDamaged } from '../damage.ts';
import type { Index } from '../door.ts';
import { commitWrite } from '../engine/commits.ts';
import { encodeWrite } from '../engine/stored-row.ts';
import type { IndexHome, Replacement, Salvage } from '../home.ts';
import { keys } from '../keys.ts';
import { replaceMark } from '../mark.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry, Write } from '../row.ts';
import { byteaArray } from './bytea.ts';
import { Connection } from './connection.ts';
import { Ownership } from './ownership.ts';
import { openPostgresIndex, type PostgresIndexOptions } from './postgres.ts';
import { noteReplaced } from './replicas/marked.ts';
import { salvageOf } from './salvage.ts';
import { prepareSchema, rowsTable, schemaLockOf } from './schema.ts';
import { insertInto } from './statements.ts';
import { refusal, troubleWith } from './troubles.ts';

interface PostgresHomeOptions extends Omit<PostgresIndexOptions, 'onDamage'> {
  /** Called before the index is opened. Its errors are thrown. Default: nothing. */
  readonly beforeOpening?: (() => Promise<void>) | undefined;
  /** Called before a replacement takes the place of the index. Its errors are thrown. Default: nothing. */
  readonly beforeAdopting?: (() => Promise<void>) | undefined;
}

const newTable = 'rows_new';

/** The home of an index in a schema of a database. */
export class PostgresHome implements IndexHome {
  private readonly options: PostgresHomeOptions;

  constructor(options: PostgresHomeOptions) {
    this.options = options;
  }

  async open(onDamage: (damage: IndexDamaged) => void): Promise<Index> {
    await this.options.beforeOpening?.();
    return await openPostgresIndex({ ...this.options, onDamage });
  }

  salvage(): Promise<Salvage> {
    return salvageOf(this.options);
  }

  async replace(): Promise<Replacement> {
    return await PostgresReplacement.begin(this.options);
  }
}

class PostgresReplacement implements Replacement {
  private readonly options: PostgresHomeOptions;
  private readonly connection: Connection;

  private constructor(options: PostgresHomeOptions, connection: Connection) {
    this.options = options;
    this.connection = connection;
  }

  static async begin(options: PostgresHomeOptions): Promise<PostgresReplacement> {
    const { url, schema } = options;
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(url);
      const [row] = await connection.query(
        { name: 'rebuild', text: 'SELECT pg_try_advisory_lock($1::bigint)' },
        [await schemaLockOf(connection, schema, 'rebuild')],
      );
      if (row![0] !== true) throw alreadyBegun();
      const replacement = new PostgresReplacement(options, connection);
      await prepareSchema(connection, schema);
      await replacement.drop();
      await connection.run(rowsTable(schema, newTable));
      return replacement;
    } catch (error) {
      await connection?.close();
      throw error instanceof Failure ? error : refusal(troubleWith(error));
    }
  }

  private drop(): Promise<void> {
    return this.connection.run(`DROP TABLE IF EXISTS "${this.options.schema}".${newTable}`);
  }

  async put(rows: readonly Entry[]): Promise<void> {
    if (rows.some(([key]) => key[0] === keys.store.commit.code))
      throw new RangeError('rows must not contain a commit: the new index begins with one of its own');
    await this.write(rows.map(([key, value]) => encodeWrite({ type: 'put', key, value })));
  }

  private async write(writes: readonly Write[]): Promise<void> {
    // Of several rows with one key, the last one counts.
    const byKey = new Map(writes.map((write) => [textOf(write.key), write]));
    const puts = [...byKey.values()].filter((write) => write.type === 'put');
    await this.connection.query(insertInto(this.options.schema, newTable), [
      byteaArray(puts.map(({ key }) => key)),
      byteaArray(puts.map(({ value }) => value)),
    ]);
  }

  async adopt({ seq, time }: Pick<CommitRecord, 'seq' | 'time'>): Promise<void> {
    const { schema, markPath, warn = () => undefined } = this.options;
    const first = seq + 1;
    await this.write([encodeWrite(commitWrite({ seq: first, epoch: 0, time, since: first }))]);
    // What an earlier owner has left behind would be written to the new table.
    const ownership = new Ownership({ schema, warn });
    const epoch = await ownership.take(this.connection);
    await this.options.beforeAdopting?.();
    await this.connection.run(
      [
        'BEGIN',
        `DROP TABLE "${schema}".rows`,
        `ALTER TABLE "${schema}".${newTable} RENAME TO rows`,
        `ALTER INDEX "${schema}".${newTable}_pkey RENAME TO rows_pkey`,
        noteReplaced(schema, epoch),
        'COMMIT',
      ].join('; '),
    );
    await replaceMark(markPath, first);
    // The index may be opened before this is disposed.
    await ownership.release(this.connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop().catch(() => undefined);
    await this.connection.close();
  }
}

function alreadyBegun(): Failure {
  return new Failure('STORE_UNAVAILABLE', 'the index is being rebuilt already', {
    metadata: { lock: 'held' },
  });
}
