/** The connection on which a replica renews its lease and learns who owns what. It is opened again when it was cut. */
import { Failure } from '../../../domain/errors.ts';
import type { Column, Connection, Statement } from '../connection.ts';
import { LastingConnection } from '../lasting-connection.ts';
import { checkServer, prepareSchema, schemaLockOf } from '../schema.ts';
import { refusal, troubleWith } from '../troubles.ts';
import { type History, historyOf } from './marked.ts';
import { prepareShipmentTables } from './shipment-tables.ts';
import { prepareReplicaTables } from './tables.ts';

interface ControlOptions {
  readonly open: () => Promise<Connection>;
  readonly schema: string;
  readonly warn: (message: string) => void;
}

/** See the head of this file. */
export class Control {
  private readonly options: ControlOptions;
  private readonly connection = new LastingConnection(() => this.open());
  private wasOpen = false;
  /** As of the first opening: while this process has the store open with others, it cannot change. */
  history: History = { epoch: 0, replaced: 0 };

  constructor(options: ControlOptions) {
    this.options = options;
  }

  /** @throws Failure STORE_UNAVAILABLE */
  query(statement: Statement, values: readonly (string | number)[]): Promise<Column[][]> {
    return this.use((connection) => connection.query(statement, values));
  }

  /** Runs `work` on the connection. @throws Failure STORE_UNAVAILABLE */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await work(await this.connection.get());
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Runs `work` while no other process runs work of that purpose. @throws Failure STORE_UNAVAILABLE */
  alone<T>(purpose: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.use(async (connection) => {
      const lock = await schemaLockOf(connection, this.options.schema, purpose);
      await connection.query({ name: 'lock', text: 'SELECT pg_advisory_lock($1::bigint)' }, [lock]);
      try {
        return await work(connection);
      } finally {
        await connection.query({ name: 'unlock', text: 'SELECT pg_advisory_unlock($1::bigint)' }, [lock]);
      }
    });
  }

  private async open(): Promise<Connection> {
    const { open, warn } = this.options;
    const connection = await open();
    try {
      await checkServer(connection, this.wasOpen ? () => undefined : warn);
      await this.share(connection);
      if (!this.wasOpen) {
        await this.prepare(connection);
        this.wasOpen = true;
      }
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** A process that has the store for itself keeps replicas out, and they it. */
  private async share(connection: Connection): Promise<void> {
    const { schema } = this.options;
    const lock = await schemaLockOf(connection, schema);
    const [row] = await connection.query(
      { name: 'share', text: 'SELECT pg_try_advisory_lock_shared($1::bigint)' },
      [lock],
    );
    if (row?.[0] === true) return;
    throw new Failure(
      'STORE_UNAVAILABLE',
      `a process has the store in the schema ${schema} open for itself alone; stop it first, or start it as a replica`,
      { metadata: { lock: 'held' } },
    );
  }

  private async prepare(connection: Connection): Promise<void> {
    const { schema } = this.options;
    const lock = await schemaLockOf(connection, schema, 'tables');
    await connection.query({ name: 'lock', text: 'SELECT pg_advisory_lock($1::bigint)' }, [lock]);
    await prepareSchema(connection, schema);
    await prepareReplicaTables(connection, schema);
    await prepareShipmentTables(connection, schema);
    this.history = await historyOf(connection, schema);
    await connection.query({ name: 'unlock', text: 'SELECT pg_advisory_unlock($1::bigint)' }, [lock]);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.connection.close();
  }
}

/** Returns the failure for an error of the database. */
export function failureOf(error: unknown): Failure {
  return error instanceof Failure ? error : refusal(troubleWith(error));
}
