/** The ordered map on PostgreSQL that the engine needs. */
import { Buffer } from 'node:buffer';
import { type After, pause } from '../../domain/timer.ts';
import type { Database } from '../engine/database.ts';
import { unavailable } from '../engine/handle.ts';
import type { Key, Write } from '../row.ts';
import { byteaArray } from './bytea.ts';
import { Connections } from './connections.ts';
import { LastingConnection } from './lasting-connection.ts';
import { Moments } from './moments.ts';
import { OwnerConnection } from './owner-connection.ts';
import { readMany } from './reads.ts';
import { statementsOf } from './statements.ts';
import { DatabaseTrouble, readFailure } from './troubles.ts';
import type { WriteOwner } from './write-owner.ts';

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
  /** The connections of this process. Default: new ones to {@link url}. */
  readonly connections?: Connections | undefined;
}

/** Opens the database, and makes its tables if they do not exist. @throws Failure STORE_UNAVAILABLE, LockLost */
export async function openPostgresDatabase(options: PostgresDatabaseOptions): Promise<Database> {
  const { url, schema, isShared, momentsMax = 8, after, connections = new Connections(url) } = options;
  const open = () => connections.connect();
  const statements = statementsOf(schema);
  const writer = await Writer.open(connections, options);
  const moments = new Moments({ open, statements, momentsMax, isShared, after });
  const reads = new LastingConnection(open);
  const readPresent = async (keys: readonly Key[]) => {
    try {
      return await readMany(await reads.get(), statements, keys);
    } catch (error) {
      throw readFailure(error);
    }
  };
  let closing: Promise<unknown> | undefined;
  return {
    dropped: [],
    whyLost: 'perhaps a standby has taken over that had not received them, or the database was restored',
    failed: writer.failed,
    getMany: readPresent,
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

/** A batch that the server has ended because of another transaction was not written, and is sent again so often. */
const triesMax = 3;
/** The other transaction gets this time to go on. */
const againMs = 50;
const endedForAnother: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/** Writes batches as the owner. */
class Writer {
  private readonly ownership: WriteOwner;
  private readonly owner: OwnerConnection;

  private constructor(ownership: WriteOwner, owner: OwnerConnection) {
    this.ownership = ownership;
    this.owner = owner;
  }

  static async open(
    connections: Connections,
    { ownership, after }: Pick<PostgresDatabaseOptions, 'ownership' | 'after'>,
  ): Promise<Writer> {
    return new Writer(ownership, await OwnerConnection.open({ connections, ownership, after }));
  }

  /** See {@link Database.failed}. */
  get failed(): Promise<unknown> {
    return this.owner.failed;
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
    const arrays = [removed, keys, values].map(byteaArray);
    await this.owner.use(async ({ connection, taken }) => {
      const isOurs = await unlessEnded(() => this.ownership.write(connection, taken, arrays, fences, writes));
      if (!isOurs) throw await this.ownership.lostOn(connection, taken);
    });
  }

  close(): Promise<void> {
    return this.owner.close();
  }
}

/** Sends a batch again that the server has ended because of another transaction. */
async function unlessEnded<T>(send: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send();
    } catch (error) {
      const isAgain = error instanceof DatabaseTrouble && endedForAnother.has(error.code);
      if (!isAgain || tries === triesMax) throw error;
      await pause(againMs);
    }
  }
}
