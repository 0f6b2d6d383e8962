/**
 * The door's engine, the same above every database. Transactions run one after another on this thread, each through
 * the batches that are not durable yet. One batch is on its way to the disk; all that runs meanwhile gathers in the
 * next one (group commit).
 */
import { Failure } from '../../domain/errors.ts';
import { idMinter } from '../../domain/ids.ts';
import { IndexDamaged } from '../damage.ts';
import {
  doorLimits,
  type Env,
  type Index,
  type IndexStats,
  type Snapshot,
  type Transaction,
} from '../door.ts';
import type { Mark } from '../leveldb/mark.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry, Key, Range, Value } from '../row.ts';
import { type After, afterRealTime } from '../timer.ts';
import { Batch, readThrough } from './batch.ts';
import { checkCommits, commitWrite, nextCommit } from './commits.ts';
import type { Database } from './database.ts';
import { FairQueue } from './fair-queue.ts';
import { pooledRandom } from './random.ts';
import { readRow, readRows, SnapshotReader, scanRows } from './reader.ts';
import { runTransaction } from './run.ts';

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

/** What a transaction that gives no hint is taken to write. */
const bytesHintDefault = 1_024;
/** After so many transactions the thread is given to others. */
const turnTransactionsMax = 256;
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

interface Waiting {
  readonly transaction: Transaction<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

class Engine implements Index {
  private readonly options: EngineOptions;
  private readonly clock: () => number;
  private readonly random: (length: number) => Uint8Array;
  private readonly mint: (nowMs: number) => Uint8Array;
  private readonly queue = new FairQueue<Waiting>();
  /** Undefined while it is being reopened, and when that has failed. */
  private database: Database | undefined;
  /** Why nothing is accepted, once reopening has failed. */
  private obstacle: Failure | undefined;
  private inFlight: Batch | undefined;
  private gathering = new Batch();
  /** The newest commit known to be durable. */
  private durable: CommitRecord;
  private lastNow: number;
  private turnIsDue = false;
  private reopening: Promise<void> | undefined;
  private cancelReopen: (() => void) | undefined;
  private readonly stopInspection = new AbortController();
  private readonly inspection: Promise<void>;
  private closing: Promise<void> | undefined;
  private onDrained: (() => void) | undefined;
  epoch = 1;
  readonly stats: { -readonly [K in keyof IndexStats]: number } = {
    transactions: 0,
    batches: 0,
    rowsWritten: 0,
    bytesWritten: 0,
    reopens: 0,
  };

  constructor(options: EngineOptions, opened: Opened) {
    this.options = options;
    this.clock = options.clock ?? Date.now;
    this.random = options.random ?? pooledRandom();
    this.mint = idMinter(this.random);
    this.database = opened.database;
    this.durable = opened.newest;
    this.lastNow = opened.newest.time;
    this.inspection = this.inspect();
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
      this.admit(transaction.queue);
      const bytes = transaction.bytesHint ?? bytesHintDefault;
      if (!(bytes >= 0 && bytes < Number.POSITIVE_INFINITY))
        throw new RangeError(`not a number of bytes: ${bytes}`);
      const waiting = { transaction, resolve, reject } as Waiting;
      this.queue.push(transaction.queue, waiting, bytes);
      this.turnSoon();
    });
  }

  private admit(queue: string): void {
    if (this.closing !== undefined) throw new Failure('SHUTTING_DOWN', 'the index is closing');
    if (this.obstacle !== undefined) throw this.obstacle;
    const full =
      this.queue.length >= doorLimits.queueLengthMax ||
      this.queue.lengthOf(queue) >= doorLimits.queueLengthMaxOne;
    if (full) {
      throw new Failure('OVERLOADED', 'too many transactions are waiting', {
        retryAfterMs: overloadedRetryMs,
      });
    }
  }

  /** One turn of the event loop later, so that callers who act on one batch's answers share the next batch. */
  private turnSoon(): void {
    if (this.turnIsDue) return;
    this.turnIsDue = true;
    setImmediate(() => {
      this.turnIsDue = false;
      this.takeTurn();
    });
  }

  private takeTurn(): void {
    if (this.database === undefined) return;
    for (let count = 0; count < turnTransactionsMax && this.hasRoom(); count++) {
      const next = this.queue.shift();
      if (next === undefined) break;
      this.run(next);
    }
    if (this.inFlight === undefined && !this.gathering.isEmpty) this.send(this.database);
    if (this.queue.length > 0 && this.hasRoom()) this.turnSoon();
    this.checkDrained();
  }

  private hasRoom(): boolean {
    return this.gathering.bytes < doorLimits.batchBytesMax;
  }

  private run(waiting: Waiting): void {
    this.stats.transactions++;
    const env = this.nextEnv();
    let settle: () => void;
    try {
      if (this.options.runTwice?.()) this.rehearse(waiting.transaction, env);
      const outcome = runTransaction(waiting.transaction, this.read, env);
      this.gathering.add(outcome.writes, outcome.bytes);
      settle = () => waiting.resolve(outcome.result);
    } catch (error) {
      settle = () => waiting.reject(error);
    }
    // It may have read from any batch that is not durable, and batches become durable in order.
    const newest = this.gathering.isEmpty ? this.inFlight : this.gathering;
    if (newest === undefined) settle();
    else newest.wait({ settle, abandon: (failure) => waiting.reject(failure) });
  }

  /** A run that does not count. */
  private rehearse(transaction: Transaction<unknown>, env: Env): void {
    try {
      runTransaction(transaction, this.read, env);
    } catch {
      // The run that counts fails too, or `decide` is not pure.
    }
  }

  private readonly read = (key: Key): Value | undefined =>
    readThrough([this.gathering, this.inFlight], key, (durable) => readRow(this.open(), durable));

  get waiting(): number {
    return this.queue.length;
  }

  now(): number {
    this.lastNow = Math.max(this.lastNow, Math.floor(this.clock()));
    return this.lastNow;
  }

  private nextEnv(): Env {
    const now = this.now();
    return { now, random: this.random, mintId: () => this.mint(now) };
  }

  private send(database: Database): void {
    const batch = this.gathering;
    this.inFlight = batch;
    this.gathering = new Batch();
    const commit = nextCommit(this.durable, this.epoch, this.lastNow);
    database.batch(batch.encoded(commitWrite(commit))).then(
      () => this.landed(batch, commit),
      (error: unknown) => this.failed(database, batch, error),
    );
  }

  private landed(batch: Batch, commit: CommitRecord): void {
    this.inFlight = undefined;
    this.durable = commit;
    this.options.mark?.note(commit.seq);
    this.stats.batches++;
    this.stats.rowsWritten += batch.rows;
    this.stats.bytesWritten += batch.bytes;
    batch.settle();
    if (this.queue.length > 0 || !this.gathering.isEmpty) this.turnSoon();
    this.checkDrained();
  }

  /** Nothing that is not durable may be built upon any more, and nothing may be written to a handle that failed. */
  private failed(database: Database, batch: Batch, error: unknown): void {
    const failure = unavailable('the outcome is unknown: the index could not be written', error);
    const next = this.gathering;
    this.database = undefined;
    this.inFlight = undefined;
    this.gathering = new Batch();
    this.options.warn?.(`the index could not be written and is reopened: ${String(error)}`);
    batch.abandon(failure);
    next.abandon(failure);
    this.reopening = this.reopen(database, reopenDelayMsFirst);
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
      this.stats.reopens++;
      this.turnSoon();
    } catch (error) {
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
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) next.reject(failure);
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
    const isIdle = this.queue.length === 0 && this.inFlight === undefined && this.gathering.isEmpty;
    if (isUsable && isIdle) this.onDrained?.();
  }
}

function isLoss(error: unknown): error is Failure {
  return error instanceof Failure && error.reason === 'DATA_LOSS';
}

function unavailable(message: string, cause?: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', message, { retryAfterMs: unavailableRetryMs, cause });
}
