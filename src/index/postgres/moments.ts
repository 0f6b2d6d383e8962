/**
 * Snapshots. All that are taken between two batches are of one moment, and share one transaction on one connection: it
 * begins with the first read, or before the next batch is sent. So a snapshot that reads nothing costs nothing.
 */
import type { After } from '../../domain/timer.ts';
import type { DatabaseSnapshot } from '../engine/database.ts';
import { unavailable } from '../engine/handle.ts';
import type { Connection } from './connection.ts';
import { PageIterator, readMany, type Source } from './reads.ts';
import type { Statements } from './statements.ts';
import { readFailure } from './troubles.ts';

interface MomentsOptions {
  readonly open: () => Promise<Connection>;
  readonly statements: Statements;
  /** The most moments that are open at once, each on a connection of its own. */
  readonly momentsMax: number;
  /** True: other processes write, too, so that a snapshot is of an instant after it was asked for. Default false. */
  readonly isShared?: boolean | undefined;
  readonly after: After;
}

/** The readers of one moment that share a connection before another is used, if one is free. */
const readersMax = 16;
/** The time for which a snapshot waits for a connection. */
const waitMs = 5_000;
/** A connection that was not used for this time is closed. */
const idleMs = 60_000;

const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1';

interface WaitingSnapshot {
  resolve(snapshot: DatabaseSnapshot): void;
  reject(error: unknown): void;
}

/** The moments of one database. */
export class Moments {
  private readonly options: MomentsOptions;
  private readonly open = new Set<Moment>();
  /** The moment that the next snapshot shares. */
  private newest: Moment | undefined;
  private readonly waiting = new Set<WaitingSnapshot>();
  private readonly idle: { readonly connection: Connection; readonly cancel: () => void }[] = [];
  private isClosed = false;

  constructor(options: MomentsOptions) {
    this.options = options;
  }

  /** Returns a snapshot of this moment; a later one if no connection is free. @throws Failure */
  snapshot(): DatabaseSnapshot | Promise<DatabaseSnapshot> {
    if (this.isClosed) throw unavailable('the index could not be read: it is closed');
    return this.take() ?? this.later();
  }

  /** Called before a batch is sent. Resolves when every snapshot that was taken has its rows. Never rejects. */
  async beforeBatch(): Promise<void> {
    await Promise.allSettled([...this.open].map((moment) => moment.begin()));
  }

  /** Called when a batch has been written, or may have been. */
  afterBatch(): void {
    this.newest = undefined;
  }

  private take(): DatabaseSnapshot | undefined {
    const hasRoom = this.open.size < this.options.momentsMax;
    const { newest } = this;
    const isNow =
      newest !== undefined && !newest.isSpoilt && !(this.options.isShared === true && newest.hasBegun);
    if (isNow && (newest.readers < readersMax || !hasRoom)) return this.snapshotOf(newest);
    if (!hasRoom) return undefined;
    const moment = new Moment(
      () => this.connect(),
      (ended, connection) => this.ended(ended, connection),
    );
    this.newest = moment;
    this.open.add(moment);
    return this.snapshotOf(moment);
  }

  private snapshotOf(moment: Moment): DatabaseSnapshot {
    const { statements } = this.options;
    const source = moment.join();
    return {
      getMany: (keys) => source.read((connection) => readMany(connection, statements, keys)),
      // The iterator ends with the snapshot.
      iterator: (range) => new PageIterator({ ...source, close: async () => undefined }, statements, range),
      close: source.close,
    };
  }

  private later(): Promise<DatabaseSnapshot> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      const cancel = this.options.after(waitMs, () => {
        this.waiting.delete(entry);
        reject(unavailable('the index could not be read: all connections for snapshots are in use'));
      });
      const settle =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          cancel();
          end(value);
        };
      const entry = { resolve: settle(waiting.resolve), reject: settle(waiting.reject) };
      this.waiting.add(entry);
    });
  }

  private async connect(): Promise<Connection> {
    for (let found = this.idle.pop(); found !== undefined; found = this.idle.pop()) {
      found.cancel();
      if (!found.connection.isBroken) return found.connection;
    }
    return await this.options.open();
  }

  private async ended(moment: Moment, connection: Connection | undefined): Promise<void> {
    this.open.delete(moment);
    if (this.newest === moment) this.newest = undefined;
    if (connection !== undefined) await this.keep(connection);
    for (const waiting of this.waiting) {
      const snapshot = this.isClosed ? undefined : this.take();
      if (snapshot === undefined) break;
      this.waiting.delete(waiting);
      waiting.resolve(snapshot);
    }
  }

  private async keep(connection: Connection): Promise<void> {
    if (this.isClosed || connection.isBroken) {
      await connection.close();
      return;
    }
    const entry = {
      connection,
      cancel: this.options.after(idleMs, () => {
        this.idle.splice(this.idle.indexOf(entry), 1);
        void connection.close();
      }),
    };
    this.idle.push(entry);
  }

  /** Ends every snapshot. Never rejects. Idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const { reject } of this.waiting) reject(unavailable('the index could not be read: it is closed'));
    this.waiting.clear();
    const idle = this.idle.splice(0).map(({ connection, cancel }) => {
      cancel();
      return connection.close();
    });
    await Promise.all([...idle, ...[...this.open].map((moment) => moment.end())]);
  }
}

/** One transaction, and those who read in it. */
class Moment {
  readers = 0;
  /** True if its transaction has failed. */
  isSpoilt = false;
  private readonly connect: () => Promise<Connection>;
  private readonly onEnd: (moment: Moment, connection: Connection | undefined) => Promise<void>;
  /** The connection, from the time when the beginning of the transaction was sent. */
  private connected: Promise<Connection> | undefined;
  /** Resolves when the instant of the transaction is fixed. */
  private begun: Promise<void> | undefined;
  private ending: Promise<void> | undefined;

  constructor(
    connect: () => Promise<Connection>,
    onEnd: (moment: Moment, connection: Connection | undefined) => Promise<void>,
  ) {
    this.connect = connect;
    this.onEnd = onEnd;
  }

  join(): Source {
    this.readers++;
    let isOpen = true;
    return {
      read: async (work) => {
        if (!isOpen || this.ending !== undefined)
          throw unavailable('the index could not be read: the snapshot is closed');
        return await this.read(work);
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        if (--this.readers === 0) await this.end();
      },
    };
  }

  /** Reads are sent behind the beginning of the transaction, without waiting for it, and count only if it began. */
  private async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const begun = this.begin();
    try {
      const result = await work(await this.connected!);
      await begun;
      return result;
    } catch (error) {
      begun.catch(() => undefined);
      this.isSpoilt = true;
      throw readFailure(error);
    }
  }

  /** True if its instant may be fixed. */
  get hasBegun(): boolean {
    return this.begun !== undefined;
  }

  /** Resolves when the instant of the transaction is fixed. */
  begin(): Promise<void> {
    this.begun ??= this.start();
    return this.begun;
  }

  private async start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    promise.catch(() => undefined);
    this.connected = promise;
    try {
      const connection = await this.connect();
      const answered = connection.run(begin);
      resolve(connection);
      await answered;
    } catch (error) {
      this.isSpoilt = true;
      reject(error);
      throw error;
    }
  }

  /** Never rejects. Idempotent. */
  end(): Promise<void> {
    this.ending ??= this.rollBack().then((connection) => this.onEnd(this, connection));
    return this.ending;
  }

  /** Returns the connection, if it can be used again. */
  private async rollBack(): Promise<Connection | undefined> {
    try {
      const connection = await this.connected;
      // Reads that were sent before are answered first; the end is not waited for.
      connection?.run('ROLLBACK').catch(() => undefined);
      return connection;
    } catch {
      return undefined;
    }
  }
}
