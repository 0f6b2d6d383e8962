/**
 * The database that serves reads. A database that has failed to write continues to serve them until another one
 * replaces it. While none exists, reads wait for a bounded time, and then fail with the reason.
 */
import { Failure } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import { doorLimits } from '../door.ts';
import type { Database, DatabaseSnapshot } from './database.ts';

interface WaitingRead {
  resolve(database: Database): void;
  reject(error: unknown): void;
}

/** See the head of this file. */
export class Handle {
  private readonly after: After;
  private current: Database | undefined;
  /** A database that serves only the reads that have already begun. */
  private retiring: Database | undefined;
  /** The reason for which nothing can be read any more: damage, or the end. */
  private refusal: Failure | undefined;
  /** The reason for which no database exists at the moment, if it is known. */
  private absence: Failure | undefined;
  private readonly waiting = new Set<WaitingRead>();
  /** The number of reads, scans and snapshots of the current database that have not ended. */
  private readers = 0;
  private onUnread: (() => void) | undefined;
  private isHurried = false;

  constructor(database: Database | undefined, after: After) {
    this.current = database;
    this.after = after;
  }

  /** True if reads are served. */
  get isThere(): boolean {
    return this.current !== undefined;
  }

  /** Gives a database. The waiting reads begin, in the order in which they came, before this returns. */
  put(database: Database): void {
    this.current = database;
    this.absence = undefined;
    this.readers = 0;
    for (const read of this.take()) read.resolve(database);
  }

  /**
   * Takes the database away to be closed, as soon as nothing reads from it; reads continue meanwhile. If reads never
   * cease, those that come after {@link doorLimits.readersEndMillisecondsMax} wait, and the others have the same time
   * again. Undefined if no database exists.
   */
  async retire(): Promise<Database | undefined> {
    if (this.current === undefined) return undefined;
    await this.untilUnread();
    const retired = this.current;
    this.retiring = retired;
    this.current = undefined;
    await this.untilUnread();
    this.retiring = undefined;
    return retired;
  }

  /** Resolves when nothing is being read, or when the time for it is over. */
  private async untilUnread(): Promise<void> {
    if (this.readers === 0 || this.isHurried) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onUnread = resolve;
    const cancel = this.after(doorLimits.readersEndMillisecondsMax, resolve);
    await promise;
    cancel();
    this.onUnread = undefined;
  }

  /** From now on {@link retire} waits for no read. */
  hurry(): void {
    this.isHurried = true;
    this.onUnread?.();
  }

  /** Sets the failure of reads that wait in vain: no database exists, and it is not known when one will. */
  explain(absence: Failure): void {
    this.absence = absence;
  }

  /** Refuses the waiting reads and all later ones. */
  refuse(refusal: Failure): void {
    this.refusal = refusal;
    for (const read of this.take()) read.reject(refusal);
  }

  private take(): WaitingRead[] {
    const waiting = [...this.waiting];
    this.waiting.clear();
    return waiting;
  }

  /** Reads from the database, now or when one exists. */
  async read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = this.now() ?? (await this.later((found) => found));
    const end = this.begin(database);
    try {
      return await work(database);
    } finally {
      end();
    }
  }

  /** The same for reads that take long. The returned function ends the reading. */
  async lease(): Promise<{ readonly database: Database; end(): void }> {
    const lease = (database: Database) => ({ database, end: this.begin(database) });
    const database = this.now();
    return database === undefined ? await this.later(lease) : lease(database);
  }

  /** Takes a snapshot at the instant of this call, or at the instant when the next database comes. */
  snapshot(): DatabaseSnapshot | Promise<DatabaseSnapshot> {
    const take = (database: Database): DatabaseSnapshot | Promise<DatabaseSnapshot> => {
      const snapshot = database.snapshot();
      const end = this.begin(database);
      const counted = (taken: DatabaseSnapshot): DatabaseSnapshot => ({
        ...taken,
        close: async () => {
          end();
          await taken.close();
        },
      });
      if (!(snapshot instanceof Promise)) return counted(snapshot);
      snapshot.catch(end);
      return snapshot.then(counted);
    };
    const database = this.now();
    return database === undefined ? this.later(take) : take(database);
  }

  private now(): Database | undefined {
    if (this.refusal !== undefined) throw this.refusal;
    return this.current;
  }

  private later<T>(use: (database: Database) => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: WaitingRead = {
        resolve: (database) => {
          cancel();
          try {
            resolve(use(database));
          } catch (error) {
            reject(error);
          }
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      };
      const cancel = this.after(doorLimits.readWaitMillisecondsMax, () => {
        this.waiting.delete(waiting);
        reject(this.absence ?? unavailable('the index is being reopened'));
      });
      this.waiting.add(waiting);
    });
  }

  private begin(database: Database): () => void {
    this.readers++;
    let hasEnded = false;
    return () => {
      if (hasEnded || (this.current !== database && this.retiring !== database)) return;
      hasEnded = true;
      if (--this.readers === 0) this.onUnread?.();
    };
  }
}

/**
 * Returns the failure of an operation that the index cannot perform at the moment; the caller may try again after a
 * second.
 */
export function unavailable(message: string, cause?: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', message, { retryAfterMs: 1_000, cause });
}
