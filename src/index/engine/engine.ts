/**
 * The door's engine, the same above every database. Decisions run one after another on this thread (`order.ts`); where
 * the database's reads take time, they run in rounds (`round.ts`). One batch is on its way to the disk; everything that
 * is decided meanwhile gathers in the next one (group commit). This file opens, fails, reopens and closes.
 *
 * A database that could not be written continues to serve reads, but no writes. It is closed and opened again only when
 * the disk has been seen to take writes again, since no database can be opened without a write.
 */
import { Failure } from '../../domain/errors.ts';
import { idMinter } from '../../domain/ids.ts';
import { afterRealTime } from '../../domain/timer.ts';
import { IndexDamaged } from '../damage.ts';
import type { Index, IndexStats, Snapshot, Transaction } from '../door.ts';
import { LockLost } from '../lock-lost.ts';
import { soleOwner } from '../owners.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry, Key, Range, Value, Write } from '../row.ts';
import { causeOf, troubleOf } from '../trouble.ts';
import type { Batch } from './batch.ts';
import { commitWrite, nextCommit } from './commits.ts';
import type { Database } from './database.ts';
import { Handle, unavailable } from './handle.ts';
import { isLocked, isLoss, type Opened, openChecked, openReadable } from './opening.ts';
import type { EngineOptions } from './options.ts';
import { Order, type Waiting } from './order.ts';
import { pooledRandom } from './random.ts';
import { readCached, readRow, readRows, SnapshotReader, scanRows } from './reader.ts';
import { RowCache } from './row-cache.ts';

const reopenDelayMsFirst = 100;
const reopenDelayMsMax = 10_000;
/** After this time of a closing, what is under way is not waited for any more. */
const closePatienceMs = 2_000;

/**
 * Opens the database and checks it. If it cannot be written, opens it for reads, and {@link Index.trouble} says why.
 * Fails with {@link IndexDamaged} or `STORE_UNAVAILABLE`; nothing stays open then.
 */
export async function openEngine(options: EngineOptions): Promise<Index> {
  const atLeast = options.mark?.seq ?? 0;
  try {
    return new Engine(options, await openChecked(options, atLeast));
  } catch (error) {
    if (isLoss(error) || isLocked(error)) throw error;
    const opened = await openReadable(options, atLeast);
    if (opened === undefined) throw error;
    return new Engine(options, opened, error);
  }
}

class Engine implements Index {
  private readonly options: EngineOptions;
  private readonly clock: () => number;
  private readonly random: (length: number) => Uint8Array;
  private readonly mint: (nowMs: number) => Uint8Array;
  private readonly order: Order;
  private readonly cache: RowCache;
  /** The database for writes; undefined from a write error until the database is reopened. */
  private database: Database | undefined;
  /** The database for reads. */
  private readonly handle: Handle;
  /** The reason for which no transaction is accepted, after a write has failed and a reopening has failed too. */
  private obstacle: Failure | undefined;
  /** The newest commit that is known to be durable. */
  private durable: CommitRecord;
  private lastNow: number;
  private reopening: Promise<void> | undefined;
  private cancelReopen: (() => void) | undefined;
  private readonly stopInspection = new AbortController();
  private readonly inspection: Promise<void>;
  private closing: Promise<void> | undefined;
  private onDrained: (() => void) | undefined;
  epoch = 1;
  readonly owners = soleOwner;
  /** The cause of the last warning to an operator, and the last failure of the listener for durable batches. */
  private warned: string | undefined;
  private warnedOfListener: string | undefined;
  private grown = Promise.withResolvers<void>();
  private batches = 0;
  private rowsWritten = 0;
  private bytesWritten = 0;
  private reopens = 0;

  /** @param failure the reason for which the opened database cannot be written; undefined if it can. */
  constructor(options: EngineOptions, opened: Opened, failure?: unknown) {
    this.options = options;
    this.clock = options.clock ?? Date.now;
    this.random = options.random ?? pooledRandom();
    this.mint = idMinter(this.random);
    if (failure === undefined) this.use(opened.database);
    this.handle = new Handle(opened.database, options.after ?? afterRealTime);
    this.durable = opened.newest;
    this.lastNow = opened.newest.time;
    this.cache = new RowCache(() => this.order.sent, options.rowCacheBytes, options.ownRows);
    if (failure === undefined) this.cache.start(opened.newest.seq);
    this.order = new Order({
      cache: this.cache,
      database: () => this.database,
      env: () => ({ now: this.now(), random: this.random, mintId: () => this.mint(this.lastNow) }),
      send: (database, batch) => this.send(database, batch),
      onRest: () => this.checkDrained(),
      runTwice: options.runTwice,
    });
    this.inspection = this.inspect();
    if (failure !== undefined) {
      this.warned = causeOf(failure);
      options.warn?.(`the index cannot be written and serves only reads: ${String(failure)}`);
      this.obstruct(failure);
      this.tryLater(failure, reopenDelayMsFirst);
    }
  }

  private use(database: Database): void {
    this.database = database;
    void database.failed?.then((error) => this.failed(database, error));
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
    this.order.requireRoom(queue);
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
    const writes = batch.encoded(commitWrite(commit, this.options.ring));
    database.batch(writes, batch.fences).then(
      () => {
        this.landed(batch, commit);
        this.tellLanded(commit, writes);
      },
      (error: unknown) => this.failed(database, error),
    );
  }

  private landed(batch: Batch, commit: CommitRecord): void {
    this.durable = commit;
    this.cache.land(batch.all, commit.seq);
    this.options.mark?.note(commit.seq);
    this.batches++;
    this.rowsWritten += batch.rows;
    this.bytesWritten += batch.bytes;
    this.order.landed(batch);
    this.checkDrained();
  }

  /** The batch is durable, and its callers have their answers, even if the listener fails. */
  private tellLanded(commit: CommitRecord, writes: readonly Write[]): void {
    try {
      this.options.onLanded?.(commit, writes);
    } catch (error) {
      const cause = String(error);
      // A listener that fails at each batch is one cause.
      if (cause !== this.warnedOfListener)
        this.options.warn?.(`the commit ${commit.seq} is durable, and could not be shipped: ${cause}`);
      this.warnedOfListener = cause;
    }
  }

  /** Called when a write has failed, or none is possible. Nothing may be based on rows that are not durable any more. */
  private failed(database: Database, error: unknown): void {
    if (this.database !== database) return;
    this.database = undefined;
    this.cache.stop();
    if (error instanceof LockLost) {
      this.leave(error);
      return;
    }
    const trouble = troubleOf(error);
    this.warned = causeOf(error);
    this.options.warn?.(
      `the index could not be written (${trouble}) and serves only reads: ${String(error)}`,
    );
    this.order.fail(unavailable(`the outcome is unknown: the index could not be written: ${trouble}`, error));
    this.reopening = this.recover(error, reopenDelayMsFirst);
    this.options.onTrouble?.();
  }

  /** The batch was not begun, and none follows it: the files may be another process's by now. */
  private leave(lost: LockLost): void {
    this.obstacle = lost;
    this.order.fail(lost);
    this.order.refuse(lost);
    this.handle.refuse(lost);
    this.handle.hurry();
    const end = () => this.checkDrained();
    this.reopening = this.handle
      .retire()
      .then((database) => database?.close())
      .then(end, end);
    this.options.onTrouble?.();
  }

  /** Never rejects. */
  private async recover(failure: unknown, delayMs: number): Promise<void> {
    try {
      // Without a handle, an opening that fails loses nothing.
      if (this.handle.isThere) await this.options.probe?.(failure);
      await this.reopen();
      this.options.warn?.('the index can be written again');
    } catch (error) {
      if (error instanceof LockLost) {
        this.leave(error);
        return;
      }
      // One warning for each cause, however many attempts are made.
      if (causeOf(error) !== this.warned)
        this.options.warn?.(`the index still cannot be written: ${String(error)}`);
      this.warned = causeOf(error);
      this.obstruct(error);
      if (!isLoss(error) && this.closing === undefined) {
        if (!this.handle.isThere) await this.readAlone();
        this.tryLater(failure, delayMs);
      }
    }
    this.checkDrained();
  }

  private tryLater(failure: unknown, delayMs: number): void {
    if (this.closing !== undefined || isLoss(this.obstacle)) return;
    this.cancelReopen = (this.options.after ?? afterRealTime)(delayMs, () => {
      this.cancelReopen = undefined;
      this.reopening = this.recover(failure, Math.min(delayMs * 2, reopenDelayMsMax));
    });
  }

  /** Opens the database for reads, which need not wait for the disk. */
  private async readAlone(): Promise<void> {
    try {
      const opened = await openReadable(this.options, this.leastSeq);
      if (opened === undefined) return;
      this.handle.put(opened.database);
      this.options.onTrouble?.();
    } catch (error) {
      this.obstruct(error);
    }
  }

  /** The number of a commit that the database must have reached. */
  private get leastSeq(): number {
    return Math.max(this.durable.seq, this.options.mark?.seq ?? 0);
  }

  private async reopen(): Promise<void> {
    await (await this.handle.retire())?.close();
    const opened = await openChecked(this.options, this.leastSeq);
    this.durable = opened.newest;
    this.cache.start(opened.newest.seq);
    this.epoch++;
    this.reopens++;
    this.options.onReopened?.(opened.newest);
    // A finding of an inspection stays true. Reads that have waited go first: no transaction has run since.
    if (!isLoss(this.obstacle)) this.obstacle = undefined;
    this.handle.put(opened.database);
    this.use(opened.database);
    this.grown.resolve();
    this.grown = Promise.withResolvers();
    this.order.turnSoon();
    this.options.onTrouble?.();
  }

  /**
   * Refuses the waiting transactions, which have not run, and later ones; refuses reads too only if damage was found.
   */
  private obstruct(error: unknown): void {
    const failure = isLoss(error)
      ? error
      : unavailable(
          `cannot write: ${troubleOf(error)}; the index serves only reads until it can be written again`,
          error,
        );
    const isNews = failure instanceof IndexDamaged && !isLoss(this.obstacle);
    this.obstacle = failure;
    if (isLoss(failure)) this.handle.refuse(failure);
    else
      this.handle.explain(
        unavailable(`the index cannot be opened at the moment: ${troubleOf(error)}`, error),
      );
    if (isNews) this.options.onDamage?.(failure);
    this.order.refuse(failure);
    this.options.onTrouble?.();
  }

  nextEpoch(): Promise<void> {
    return this.grown.promise;
  }

  get trouble(): string | undefined {
    if (this.database !== undefined) return undefined;
    return this.obstacle?.message ?? 'the index is being reopened';
  }

  get isReadable(): boolean {
    if (this.database === undefined && this.options.isReadable?.() === false) return false;
    return this.handle.isThere || this.obstacle === undefined;
  }

  get(key: Key): Promise<Value | undefined> {
    return this.handle.read((database) => readRow(database, key));
  }

  getMany(keys: readonly Key[]): Promise<(Value | undefined)[]> {
    return this.handle.read((database) => readRows(database, keys));
  }

  readonly cached = {
    getMany: (keys: readonly Key[]) =>
      this.handle.read((database) => readCached(database, keys, this.cache.view())),
  };

  async *scan(range: Range): AsyncGenerator<readonly Entry[]> {
    const { database, end } = await this.handle.lease();
    try {
      yield* scanRows(database, range);
    } finally {
      end();
    }
  }

  snapshot(): Snapshot {
    return new SnapshotReader(this.handle.snapshot(), this.cache.view());
  }

  async compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void> {
    if (this.obstacle !== undefined) throw this.obstacle;
    if (this.database === undefined) throw unavailable('the index is being reopened');
    await this.database.compact(range);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async shutDown(): Promise<void> {
    const { abandon, after = afterRealTime } = this.options;
    const cancel = abandon && after(closePatienceMs, abandon);
    this.cancelReopen?.();
    this.handle.hurry();
    this.stopInspection.abort();
    await this.inspection;
    await new Promise<void>((resolve) => {
      this.onDrained = resolve;
      this.checkDrained();
    });
    // After the callers were refused, a reopening may still be in progress.
    await this.reopening;
    this.database = undefined;
    await this.options.mark?.close();
    this.obstacle = new Failure('SHUTTING_DOWN', 'the index is closed');
    this.handle.refuse(this.obstacle);
    this.handle.hurry();
    await (await this.handle.retire())?.close();
    cancel?.();
    await this.options.onClose?.();
  }

  private checkDrained(): void {
    const isUsable = this.database !== undefined || this.obstacle !== undefined;
    if (isUsable && this.order.isIdle) this.onDrained?.();
  }
}
