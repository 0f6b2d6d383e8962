/**
 * The database that reads are served from. One that has failed to write serves them on until it is taken away for
 * another; while there is none they wait, a bounded time, and then say why.
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
  /** Is read from by those who have begun, and by nobody else. */
  private retiring: Database | undefined;
  /** Why nothing can be read, for good: damage, or the end. */
  private refusal: Failure | undefined;
  /** Why there is no database at the moment, if that is known. */
  private absence: Failure | undefined;
  private readonly waiting = new Set<WaitingRead>();
  /** Reads, scans and snapshots of the current database that have not ended. */
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

  /** Reads wait no more, in the order in which they came, before this returns. */
  put(database: Database): void {
    this.current = database;
    this.absence = undefined;
    this.readers = 0;
    for (const read of this.take()) read.resolve(database);
  }

  /**
   * Takes the database away to be closed, as soon as nobody reads from it; reads go on meanwhile. Where there is always
   * somebody, reads that come after {@link doorLimits.readersEndMillisecondsMax} wait, and the others have as long again.
   * Undefined if there is none.
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

  /** Nobody reads, or the time for it is over. */
  private async untilUnread(): Promise<void> {
    if (this.readers === 0 || this.isHurried) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onUnread = resolve;
    const cancel = this.after(doorLimits.readersEndMillisecondsMax, resolve);
    await promise;
    cancel();
    this.onUnread = undefined;
  }

  /** From now on {@link retire} waits for nobody. */
  hurry(): void {
    this.isHurried = true;
    this.onUnread?.();
  }

  /** There is no database and it is not known when there will be: what reads that wait in vain are told. */
  explain(absence: Failure): void {
    this.absence = absence;
  }

  /** Nothing is read any more. */
  refuse(refusal: Failure): void {
    this.refusal = refusal;
    for (const read of this.take()) read.reject(refusal);
  }

  private take(): WaitingRead[] {
    const waiting = [...this.waiting];
    this.waiting.clear();
    return waiting;
  }

  /** Reads from the database, now or when there is one. */
  async read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = this.now() ?? (await this.later((found) => found));
    const end = this.begin(database);
    try {
      return await work(database);
    } finally {
      end();
    }
  }

  /** The same for what goes on for long. The function ends it. */
  async lease(): Promise<{ readonly database: Database; end(): void }> {
    const lease = (database: Database) => ({ database, end: this.begin(database) });
    const database = this.now();
    return database === undefined ? await this.later(lease) : lease(database);
  }

  /** At the instant of this call, or of the next database's coming. */
  snapshot(): DatabaseSnapshot | Promise<DatabaseSnapshot> {
    const take = (database: Database): DatabaseSnapshot => {
      const snapshot = database.snapshot();
      const end = this.begin(database);
      return {
        ...snapshot,
        close: async () => {
          end();
          await snapshot.close();
        },
      };
    };
    const database = this.now();
    return database === undefined ? this.later(take) : take(database);
  }

  private now(): Database | undefined {
    if (this.refusal !== undefined) throw this.refusal;
    return this.current;
  }

  private later<T>(use: (database: Database) => T): Promise<T> {
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

/** The failure of what the index cannot do at the moment; it may be tried again in a second. */
export function unavailable(message: string, cause?: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', message, { retryAfterMs: 1_000, cause });
}
