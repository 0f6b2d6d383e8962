/** The ordered map on PostgreSQL that the engine needs. */
import { Buffer } from 'node:buffer';
import { Failure } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { Database } from '../engine/database.ts';
import { unavailable } from '../engine/handle.ts';
import type { Write } from '../row.ts';
import { byteaArray } from './bytea.ts';
import { Connection } from './connection.ts';
import { Moments } from './moments.ts';
import { readMany } from './reads.ts';
import { statementsOf } from './statements.ts';
import { readFailure, refusal, troubleWith } from './troubles.ts';

/** What makes sure that a process writes only what it owns. */
export interface WriteOwner {
  /** Makes the connection the one that this process writes through. Returns a number for its batches. @throws Failure */
  take(connection: Connection): Promise<number>;
  /**
   * Writes a batch, all or nothing. False if this process may not write it any more: nothing was written then.
   *
   * @param taken what {@link take} has returned for the connection.
   * @param arrays the removed keys, the written keys and their values.
   * @param fences see {@link Database.batch}.
   */
  write(
    connection: Connection,
    taken: number,
    arrays: readonly Buffer[],
    fences: ReadonlyMap<string, number>,
  ): Promise<boolean>;
  /** Returns the error of a batch that this process may not write. */
  lost(): Failure;
}

/** The parts of a database. */
export interface PostgresDatabaseOptions {
  /** Such as `postgres://user:password@host:5432/database`. */
  readonly url: string;
  readonly schema: string;
  readonly ownership: WriteOwner;
  /** True: other processes write, too. Default false. */
  readonly isShared?: boolean | undefined;
  /** The most snapshots of different instants that are open at once, each on a connection of its own. Default 8. */
  readonly momentsMax?: number | undefined;
  readonly after: After;
}

/** Opens the database, and makes its tables if they do not exist. @throws Failure STORE_UNAVAILABLE, LockLost */
export async function openPostgresDatabase(options: PostgresDatabaseOptions): Promise<Database> {
  const { url, schema, ownership, isShared, momentsMax = 8, after } = options;
  const open = () => Connection.open(url);
  const statements = statementsOf(schema);
  const writer = await Writer.open(open, ownership);
  const moments = new Moments({ open, statements, momentsMax, isShared, after });
  const reads = new Reads(open);
  let closing: Promise<unknown> | undefined;
  return {
    dropped: [],
    getMany: (keys) => reads.read((connection) => readMany(connection, statements, keys)),
    iterator: (range) => {
      const snapshot = moments.snapshot();
      const opened = Promise.resolve(snapshot).then((taken) => ({ taken, iterator: taken.iterator(range) }));
      opened.catch(() => undefined);
      return {
        nextv: async (size) => await (await opened).iterator.nextv(size),
        close: () =>
          opened.then(
            ({ taken }) => taken.close(),
            () => undefined,
          ),
      };
    },
    snapshot: () => moments.snapshot(),
    async batch(writes, fences = new Map()) {
      if (closing !== undefined) throw unavailable('the index could not be written: it is closed');
      await moments.beforeBatch();
      try {
        await writer.write(writes, fences);
      } finally {
        moments.afterBatch();
      }
    },
    // The server's own autovacuum frees the room of removed rows.
    compact: async () => {
      if (closing !== undefined) throw unavailable('the index could not be read: it is closed');
    },
    async close() {
      closing ??= Promise.all([moments.close(), reads.close(), writer.close()]);
      await closing;
    },
  };
}

type Open = () => Promise<Connection>;

/** The connection of the owner, which alone writes. */
class Writer {
  private readonly open: Open;
  private readonly ownership: WriteOwner;
  private connection: Connection;
  private taken: number;

  private constructor(open: Open, ownership: WriteOwner, owned: Owned) {
    this.open = open;
    this.ownership = ownership;
    this.connection = owned.connection;
    this.taken = owned.taken;
  }

  static async open(open: Open, ownership: WriteOwner): Promise<Writer> {
    return new Writer(open, ownership, await own(open, ownership));
  }

  /** All or nothing, and durable when this resolves. If the connection is cut meanwhile, the outcome is unknown. */
  async write(writes: readonly Write[], fences: ReadonlyMap<string, number>): Promise<void> {
    const removed: Uint8Array[] = [];
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    // In the order of the keys: two writers that wait for each other's rows would have to be ended.
    for (const write of [...writes].sort((left, right) => Buffer.compare(left.key, right.key))) {
      if (write.type === 'del') removed.push(write.key);
      else {
        keys.push(write.key);
        values.push(write.value);
      }
    }
    // Nothing was under way on a connection that was cut before, so that its end changes nothing.
    if (this.connection.isBroken)
      ({ connection: this.connection, taken: this.taken } = await own(this.open, this.ownership));
    const arrays = [removed, keys, values].map(byteaArray);
    if (!(await this.ownership.write(this.connection, this.taken, arrays, fences)))
      throw this.ownership.lost();
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

/** A connection whose batches are written. */
interface Owned {
  readonly connection: Connection;
  readonly taken: number;
}

async function own(open: Open, ownership: WriteOwner): Promise<Owned> {
  let connection: Connection | undefined;
  try {
    connection = await open();
    return { connection, taken: await ownership.take(connection) };
  } catch (error) {
    await connection?.close();
    throw error instanceof Failure ? error : refusal(troubleWith(error));
  }
}

/** The connection for reads of the present state. It is opened again when it was cut. */
class Reads {
  private readonly open: Open;
  private connection: Promise<Connection> | undefined;
  private isClosed = false;

  constructor(open: Open) {
    this.open = open;
  }

  /** @throws Failure */
  async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await work(await this.connected());
    } catch (error) {
      throw readFailure(error);
    }
  }

  private async connected(): Promise<Connection> {
    if (this.isClosed) throw unavailable('the index could not be read: it is closed');
    this.connection ??= this.opened();
    const found = await this.connection;
    if (!found.isBroken) return found;
    this.connection = undefined;
    return await this.connected();
  }

  private opened(): Promise<Connection> {
    const opened = this.open();
    opened.catch(() => {
      if (this.connection === opened) this.connection = undefined;
    });
    return opened;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await (await this.connection?.catch(() => undefined))?.close();
  }
}
