/**
 * The owner of a store: the one process that writes. A lock of the server keeps others out as long as the connection
 * lasts. The epoch keeps out all who come too late: each opening raises it, and a batch with another epoch writes
 * nothing. So a batch that an earlier connection has left behind is either in the rows when an opening reads them, or
 * never.
 */
import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import { LockLost } from '../lock-lost.ts';
import type { Connection, Statement } from './connection.ts';
import { type History, historyOf } from './replicas/marked.ts';
import { endShipping } from './replicas/shipment-tables.ts';
import { endReplicas } from './replicas/tables.ts';
import { checkServer, prepareSchema, schemaLockOf } from './schema.ts';
import { statementsOf } from './statements.ts';
import { DatabaseTrouble, poolerCode, poolerWords } from './troubles.ts';
import type { WriteOwner } from './write-owner.ts';

/** The time for which a process waits until another gives up the store. */
const waitSecondsDefault = 5;

interface OwnershipOptions {
  readonly schema: string;
  readonly warn: (message: string) => void;
  /** Default 5. */
  readonly waitSeconds?: number | undefined;
  /** Called once, with the error that batches get. */
  readonly onLost?: ((lost: LockLost) => void) | undefined;
}

/** The ownership of a store by this process, over all its connections. */
export class Ownership implements WriteOwner {
  readonly id = randomUUID();
  private readonly options: OwnershipOptions;
  private readonly batch: Statement;
  /** The epoch of the newest connection; undefined until the first has it. */
  private epoch: number | undefined;
  private loss: LockLost | undefined;
  /** Before the newest connection was taken. */
  history: History = { epoch: 0, replaced: 0 };

  constructor(options: OwnershipOptions) {
    this.options = options;
    this.batch = statementsOf(options.schema).batch;
  }

  /**
   * Makes the connection that of the owner, and the tables if they do not exist. Returns the epoch for its batches.
   *
   * @throws LockLost if another process has owned the store since this one did.
   * @throws Failure STORE_UNAVAILABLE, with `lock: 'held'` if another process owns it.
   */
  async take(connection: Connection): Promise<number> {
    const { schema, warn } = this.options;
    // Once is enough.
    await checkServer(connection, this.epoch === undefined ? warn : () => undefined);
    // Another owner would keep this process waiting for the lock.
    if (this.epoch !== undefined) await this.checkOwner(connection);
    await this.lock(connection);
    const before = await prepareSchema(connection, schema);
    this.history = await historyOf(connection, schema);
    if (this.epoch !== undefined && before.owner !== this.id) throw this.lost();
    const [raised] = await connection.query(
      {
        name: 'raise',
        text: `UPDATE "${schema}".store SET epoch = epoch + 1, owner = $1, process = pg_backend_pid()
WHERE epoch = $2::bigint RETURNING epoch`,
      },
      [this.id, before.epoch],
    );
    if (raised === undefined) throw this.isOwned();
    await endReplicas(connection, schema);
    await endShipping(connection, schema);
    this.epoch = raised[0] as number;
    return this.epoch;
  }

  private async checkOwner(connection: Connection): Promise<void> {
    const [row] = await connection.query({
      name: 'owner',
      text: `SELECT owner FROM "${this.options.schema}".store`,
    });
    if (row?.[0] !== this.id) throw this.lost();
  }

  private async lock(connection: Connection): Promise<void> {
    const { schema, waitSeconds = waitSecondsDefault } = this.options;
    const key = await schemaLockOf(connection, schema);
    await this.endOwn(connection, key);
    const waitMs = Math.max(1, Math.round(waitSeconds * 1_000));
    try {
      // Both in one transaction; the lock stays.
      await connection.run(`SET LOCAL lock_timeout = ${waitMs}; SELECT pg_advisory_lock('${key}'::bigint)`);
    } catch (error) {
      throw error instanceof DatabaseTrouble && error.code === '55P03' ? this.isOwned(error) : error;
    }
  }

  /** Gives the store up, for a connection that has more to do. */
  async release(connection: Connection): Promise<void> {
    const key = await schemaLockOf(connection, this.options.schema);
    await connection.query({ name: 'unlock', text: 'SELECT pg_advisory_unlock($1::bigint)' }, [key]);
  }

  /** Ends the server's side of an earlier connection of this process: the server may not have noticed its end. */
  private async endOwn(connection: Connection, key: string): Promise<void> {
    const { schema } = this.options;
    if (this.epoch === undefined) return;
    await connection.query(
      {
        name: 'end own',
        text: `SELECT pg_terminate_backend(store.process) FROM "${schema}".store JOIN pg_locks AS lock
  ON lock.pid = store.process AND lock.locktype = 'advisory' AND lock.granted
WHERE store.owner = $1 AND (lock.classid::bigint << 32 | lock.objid::bigint) = $2::bigint`,
      },
      [this.id, key],
    );
  }

  async write(connection: Connection, epoch: number, arrays: readonly Buffer[]): Promise<boolean> {
    const owned = await connection.query(this.batch, [epoch, ...arrays]);
    return owned.length > 0;
  }

  /** Returns the error of a batch on this connection that the server has not written. @throws DatabaseTrouble */
  async lostOn(connection: Connection, epoch: number): Promise<LockLost | DatabaseTrouble> {
    const [row] = await connection.query({
      name: 'epoch',
      text: `SELECT epoch FROM "${this.options.schema}".store`,
    });
    return row?.[0] === epoch ? new DatabaseTrouble(poolerWords, poolerCode) : this.lost();
  }

  /** The error of a batch whose epoch is not that of the store any more. */
  private lost(): LockLost {
    if (this.loss === undefined) {
      this.loss = new LockLost(
        `on the schema ${this.options.schema}`,
        'another process has taken the store over',
      );
      this.options.onLost?.(this.loss);
    }
    return this.loss;
  }

  private isOwned(cause?: unknown): Failure {
    return new Failure(
      'STORE_UNAVAILABLE',
      `another process has the store in the schema ${this.options.schema} open; stop it first, or give ` +
        'this one another schema',
      { metadata: { lock: 'held' }, cause },
    );
  }
}
