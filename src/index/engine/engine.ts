/**
 * The door's engine, the same above every database. Decisions run one after another on this thread (`order.ts`), where
 * the database's reads take time in rounds (`round.ts`). One batch is on its way to the disk; all that is decided
 * meanwhile gathers in the next one (group commit). This file opens, fails, reopens and closes.
 */
import { Failure } from '../../domain/errors.ts';
import { idMinter } from '../../domain/ids.ts';
import { type After, afterRealTime } from '../../domain/timer.ts';
import { IndexDamaged } from '../damage.ts';
import { doorLimits, type Index, type IndexStats, type Snapshot, type Transaction } from '../door.ts';
import { LockLost } from '../lock-lost.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry, Key, Range, Value } from '../row.ts';
import type { Batch } from './batch.ts';
import { checkCommits, commitWrite, nextCommit } from './commits.ts';
import type { Database } from './database.ts';
import { Order, type Waiting } from './order.ts';
import { pooledRandom } from './random.ts';
import { readRow, readRows, SnapshotReader, scanRows } from './reader.ts';

/** Where the engine keeps its high-water mark, outside the database. */
export interface Mark {
  /** The commit that the mark named when it was opened; 0 if there was no mark. */
  readonly seq: number;
  /** The commit is durable: the mark may name it. Returns at once and never fails. */
  note(seq: number): void;
  /** Writes the last noted commit. Nothing may be noted afterwards. */
  close(): Promise<void>;
}

/** What an engine stands on. */
export interface EngineOptions {
  /** Opens the database; called again after every write error. */
  openDatabase(): Promise<Database>;
  /** Default: none, so that a lost tail goes unseen. */
  readonly mark?: Mark;
  /** Milliseconds since the Unix epoch. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default: the system's. */
  readonly random?: (length: number) => Uint8Array;
  /** Default: real time. */
  readonly after?: After;
  /** Told what an operator should know and nobody else is told. Default: nothing. */
  readonly warn?: (message: string) => void;
  /**
   * Looks for damage while the index serves, until the signal is given; what it finds ends the service. Errors of its
   * own are told to {@link warn}. Default: nobody looks.
   */
  readonly inspect?: (signal: AbortSignal) => Promise<IndexDamaged | undefined>;
  /** Told once when nothing can be served any more because of damage; every call then fails with it. */
  readonly onDamage?: (damage: IndexDamaged) => void;
  /** Whether to run a transaction that has run once more, as the contract allows. Default: never. */
  readonly runTwice?: () => boolean;
}

const overloadedRetryMs = 500;
const unavailableRetryMs = 1_000;
const reopenDelayMsFirst = 100;
const reopenDelayMsMax = 10_000;

/** Opens the database and checks it. Fails with {@link IndexDamaged} or `STORE_UNAVAILABLE`; nothing stays open then. */
export async function openEngine(options: EngineOptions): Promise<Index> {
  const atLeast = options.mark?.seq ?? 0;
  return new Engine(options, await openChecked(options, atLeast));
}

interface Opened {
  readonly database: Database;
  readonly newest: CommitRecord;
}

async function openChecked(options: EngineOptions, atLeast: number): Promise<Opened> {
  const database = await options.openDatabase();
  try {
    const newest = await checkCommits(database, atLeast);
    for (const line of database.dropped)
      options.warn?.(
        `the index is whole up to its high-water mark, but commits after it may be lost: ${line}`,
      );
    return { database, newest };
  } catch (error) {
    await database.close();
    if (!isLoss(error) || error instanceof IndexDamaged) throw error;
    throw new IndexDamaged(error.message, { lastCommit: atLeast }, error);
  }
}

class Engine implements Index {
  private readonly options: EngineOptions;
  private readonly clock: () => number;
  private readonly random: (length: number) => Uint8Array;
  private readonly mint: (nowMs: number) => Uint8Array;
  private readonly order: Order;
  /** Undefined while it is being reopened, and when that has failed. */
  private database: Database | undefined;
  /** Why nothing is accepted, once reopening has failed. */
  private obstacle: Failure | undefined;
  /** The newest commit known to be durable. */
  private durable: CommitRecord;
  private lastNow: number;
  private reopening: Promise<void> | undefined;
  private cancelReopen: (() => void) | undefined;
  private readonly stopInspection = new AbortController();
  private readonly inspection: Promise<void>;
  private closing: Promise<void> | undefined;
  private onDrained: (() => void) | undefined;
  epoch = 1;
  private batches = 0;
  private rowsWritten = 0;
  private bytesWritten = 0;
  private reopens = 0;

  constructor(options: EngineOptions, opened: Opened) {
    this.options = options;
    this.clock = options.clock ?? Date.now;
    this.random = options.random ?? pooledRandom();
    this.mint = idMinter(this.random);
    this.database = opened.database;
    this.durable = opened.newest;
    this.lastNow = opened.newest.time;
    this.order = new Order({
      database: () => this.database,
      env: () => ({ now: this.now(), random: this.random, mintId: () => this.mint(this.lastNow) }),
      send: (database, batch) => this.send(database, batch),
      onRest: () => this.checkDrained(),
      runTwice: options.runTwice,
    });
    this.inspection = this.inspect();
  }

  get stats(): IndexStats {
    const { batches, rowsWritten, bytesWritten, reopens } = this;
    const { begun, ended } = this.order;
    return { transactions: ended, decisionsBegun: begun, batches, rowsWritten, bytesWritten, reopens };
  }

  private async inspect(): Promise<void> {
    const { signal } = this.stopInspection;
    try {
      const damage = await this.options.inspect?.(signal);
      if (damage !== undefined && this.closing === undefined) this.obstruct(damage);
    } catch (error) {
      if (!signal.aborted) this.options.warn?.(`the index could not be inspected: ${String(error)}`);
    }
  }

  transact<T>(transaction: Transaction<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.admit(transaction.queue ?? transaction.ns);
      this.order.push({ transaction, resolve, reject } as Waiting);
    });
  }

  private admit(queue: string): void {
    if (this.closing !== undefined) throw new Failure('SHUTTING_DOWN', 'the index is closing');
    if (this.obstacle !== undefined) throw this.obstacle;
    const full =
      this.order.length >= doorLimits.queueLengthMax ||
      this.order.lengthOf(queue) >= doorLimits.queueLengthMaxOne;
    if (full) {
      throw new Failure('OVERLOADED', 'too many transactions are waiting', {
        retryAfterMs: overloadedRetryMs,
      });
    }
  }

  get waiting(): number {
    return this.order.length;
  }

  now(): number {
    this.lastNow = Math.max(this.lastNow, Math.floor(this.clock()));
    return this.lastNow;
  }

  private send(database: Database, batch: Batch): void {
    const commit = nextCommit(this.durable, this.epoch, this.lastNow);
    database.batch(batch.encoded(commitWrite(commit))).then(
      () => this.landed(batch, commit),
      (error: unknown) => this.failed(database, error),
    );
  }

  private landed(batch: Batch, commit: CommitRecord): void {
    this.durable = commit;
    this.options.mark?.note(commit.seq);
    this.batches++;
    this.rowsWritten += batch.rows;
    this.bytesWritten += batch.bytes;
    this.order.landed(batch);
    this.checkDrained();
  }

  /** Nothing that is not durable may be built upon any more, and nothing may be written to a handle that failed. */
  private failed(database: Database, error: unknown): void {
    this.database = undefined;
    if (error instanceof LockLost) {
      this.leave(database, error);
      return;
    }
    this.options.warn?.(`the index could not be written and is reopened: ${String(error)}`);
    this.order.fail(unavailable('the outcome is unknown: the index could not be written', error));
    this.reopening = this.reopen(database, reopenDelayMsFirst);
  }

  /** The batch was not begun, and none follows it: what there is may be another process's by now. */
  private leave(database: Database, lost: LockLost): void {
    this.obstacle = lost;
    this.order.fail(lost);
    this.order.refuse(lost);
    this.reopening = database.close().then(
      () => this.checkDrained(),
      () => this.checkDrained(),
    );
  }

  /** Never rejects. */
  private async reopen(failed: Database, delayMs: number): Promise<void> {
    try {
      await failed.close();
      const opened = await openChecked(this.options, Math.max(this.durable.seq, this.options.mark?.seq ?? 0));
      this.database = opened.database;
      this.durable = opened.newest;
      // What an inspection has found is still so.
      if (!isLoss(this.obstacle)) this.obstacle = undefined;
      this.epoch++;
      this.reopens++;
      this.order.turnSoon();
    } catch (error) {
      if (error instanceof LockLost) {
        this.leave(failed, error);
        return;
      }
      this.options.warn?.(`the index could not be reopened: ${String(error)}`);
      this.obstruct(error);
      if (!isLoss(error) && this.closing === undefined) {
        const again = Math.min(delayMs * 2, reopenDelayMsMax);
        this.cancelReopen = (this.options.after ?? afterRealTime)(delayMs, () => {
          this.cancelReopen = undefined;
          this.reopening = this.reopen(failed, again);
        });
      }
    }
    this.checkDrained();
  }

  /** Refuses what waits, which has not run, and what will come. */
  private obstruct(error: unknown): void {
    const failure = isLoss(error) ? error : unavailable('the index cannot be opened at the moment', error);
    const isNews = failure instanceof IndexDamaged && !isLoss(this.obstacle);
    this.obstacle = failure;
    if (isNews) this.options.onDamage?.(failure);
    this.order.refuse(failure);
  }

  private open(): Database {
    if (this.obstacle !== undefined) throw this.obstacle;
    if (this.database === undefined) throw unavailable('the index is being reopened');
    return this.database;
  }

  async get(key: Key): Promise<Value | undefined> {
    return readRow(this.open(), key);
  }

  async getMany(keys: readonly Key[]): Promise<(Value | undefined)[]> {
    return readRows(this.open(), keys);
  }

  async *scan(range: Range): AsyncGenerator<readonly Entry[]> {
    yield* scanRows(this.open(), range);
  }

  snapshot(): Snapshot {
    return new SnapshotReader(this.open().snapshot());
  }

  async compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void> {
    await this.open().compact(range);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async shutDown(): Promise<void> {
    this.cancelReopen?.();
    this.stopInspection.abort();
    await this.inspection;
    await new Promise<void>((resolve) => {
      this.onDrained = resolve;
      this.checkDrained();
    });
    // A reopening that a refusal to the callers preceded may still be under way.
    await this.reopening;
    await this.options.mark?.close();
    await this.database?.close();
    this.database = undefined;
    this.obstacle = new Failure('SHUTTING_DOWN', 'the index is closed');
  }

  private checkDrained(): void {
    const isUsable = this.database !== undefined || this.obstacle !== undefined;
    if (isUsable && this.order.isIdle) this.onDrained?.();
  }
}

function isLoss(error: unknown): error is Failure {
  return error instanceof Failure && error.reason === 'DATA_LOSS';
}

function unavailable(message: string, cause?: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', message, { retryAfterMs: unavailableRetryMs, cause });
}
