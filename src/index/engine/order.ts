/**
 * The order of transactions. Their decisions run one after another, and each reads through the batches that are not
 * durable yet. A caller gets its result when everything that the decision could have read from is durable.
 */
import { Failure } from '../../domain/errors.ts';
import { backgroundQueue, doorLimits, type Transaction } from '../door.ts';
import type { Key, Value } from '../row.ts';
import { Batch } from './batch.ts';
import type { Database } from './database.ts';
import { Decision, type Env, type Outcome } from './decision.ts';
import { FairQueue } from './fair-queue.ts';
import { readRowNow, type SyncReader } from './reader.ts';
import { Round } from './round.ts';
import type { RowCache } from './row-cache.ts';

interface OrderOptions {
  /** Returns the database when it is open; undefined while it may not be used. */
  database(): Database | undefined;
  /** Returns the values that the next decision may use. */
  env(): Env;
  /** Begins to make a batch durable. A call of {@link Order.landed} or {@link Order.fail} reports the end. */
  send(database: Database, batch: Batch): void;
  /** The durable rows in memory. */
  readonly cache: RowCache;
  /** Called when a turn has ended. */
  onRest(): void;
  /** Returns true to run a decision once more after it has run, as the contract allows. Default: never. */
  readonly runTwice?: (() => boolean) | undefined;
}

/** A transaction whose decision has not come to its end. */
export interface Waiting {
  readonly transaction: Transaction<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** The end of a decision. */
type Ended = { readonly outcome: Outcome<unknown> } | { readonly error: unknown };

/** The assumed size of the writes of a transaction that gives no hint. */
const bytesHintDefault = 1_024;
const overloadedRetryMs = 500;
/**
 * After transactions of the background whose hints have this sum, no further one goes into a batch: one of their own,
 * and one that they share.
 */
const backgroundBytesMax = { alone: 32 * 1024, shared: 16 * 1024 } as const;
/** After this many transactions, other work gets the thread. */
const turnTransactionsMax = 256;

/** The transactions that wait, the one that runs, and the batches that are not durable. */
export class Order {
  private readonly options: OrderOptions;
  private readonly queue = new FairQueue<Waiting>();
  /** The transactions of {@link backgroundQueue}. */
  private readonly background = new FairQueue<Waiting>();
  /** The hints, in bytes, of those of them that the gathering batch has. */
  private backgroundBytes = 0;
  /** A caller of another queue waits for the gathering batch. */
  private isAwaited = false;
  /** The last batch was sent without a transaction of the background, although one waited. */
  private wentWithout = false;
  /** The transactions that a round has taken from the queue, in their order. */
  private inRound: Waiting[] = [];
  private round: Round | undefined;
  private inFlight: Batch | undefined;
  private gathering = new Batch();
  private turnIsDue = false;
  /** The number of decisions that were begun; those that `runTwice` repeats count once. */
  begun = 0;
  /** The number of transactions whose decision has come to its end. */
  ended = 0;

  constructor(options: OrderOptions) {
    this.options = options;
  }

  /** The number of transactions that wait for their turn. */
  get length(): number {
    return this.queue.length + this.background.length + this.inRound.length;
  }

  /** True if nothing waits, runs or is not durable. */
  get isIdle(): boolean {
    const { inFlight, gathering, round } = this;
    return this.length === 0 && inFlight === undefined && gathering.isEmpty && round === undefined;
  }

  /** The batch that is on its way to the disk. */
  get sent(): Batch | undefined {
    return this.inFlight;
  }

  /** @throws Failure OVERLOADED if no more may wait in this queue. */
  requireRoom(queue: string): void {
    const waiting = this.lanesOf(queue).lengthOf(queue);
    if (this.length < doorLimits.queueLengthMax && waiting < doorLimits.queueLengthMaxOne) return;
    throw new Failure('OVERLOADED', 'too many transactions are waiting', { retryAfterMs: overloadedRetryMs });
  }

  push(waiting: Waiting): void {
    const { ns, queue = ns, bytesHint = bytesHintDefault } = waiting.transaction;
    if (!(bytesHint >= 0 && bytesHint < Number.POSITIVE_INFINITY))
      throw new RangeError(`not a number of bytes: ${bytesHint}`);
    this.lanesOf(queue).push(queue, waiting, bytesHint);
    this.turnSoon();
  }

  private lanesOf(queue: string): FairQueue<Waiting> {
    return queue === backgroundQueue ? this.background : this.queue;
  }

  /**
   * Begins a turn of transactions at the next turn of the event loop, so that callers that act on one batch's answers
   * share the next batch.
   */
  turnSoon(): void {
    if (this.turnIsDue) return;
    this.turnIsDue = true;
    setImmediate(() => {
      this.turnIsDue = false;
      this.takeTurn();
    });
  }

  /** Called when the batch in flight is durable. */
  landed(batch: Batch): void {
    this.inFlight = undefined;
    this.round?.land(batch);
    batch.settle();
    if (this.length > 0 || !this.gathering.isEmpty) this.turnSoon();
  }

  /** Called when the batch in flight may be lost, and with it everything that was based on it. */
  fail(failure: unknown): void {
    const lost = [this.inFlight, this.gathering];
    this.inFlight = undefined;
    this.gathering = new Batch();
    this.backgroundBytes = 0;
    this.isAwaited = false;
    for (const batch of lost) batch?.abandon(failure);
  }

  /** Refuses the waiting transactions, which have not been decided. */
  refuse(failure: unknown): void {
    for (const waiting of this.inRound.splice(0)) waiting.reject(failure);
    for (const lanes of [this.queue, this.background])
      for (let next = lanes.shift(); next !== undefined; next = lanes.shift()) next.reject(failure);
  }

  private takeTurn(): void {
    const database = this.options.database();
    if (database === undefined || this.round !== undefined) return;
    if (database.getSync === undefined) {
      this.takeRound(database);
      return;
    }
    const read = (key: Key, text: string) => this.readNow(database as SyncReader, key, text);
    for (let count = 0; count < turnTransactionsMax && this.hasRoom(); count++) {
      const next = this.queue.shift();
      if (next === undefined) break;
      this.settle(next, this.decideNow(next, read));
    }
    const isShared = this.isAwaited || this.queue.length > 0;
    for (let one = this.nextOfBackground(isShared); one !== undefined; ) {
      this.settle(one, this.decideNow(one, read));
      one = isShared ? this.nextOfBackground(isShared) : undefined;
    }
    this.endTurn(database);
  }

  /**
   * Takes a transaction of the background, if one may run now. None runs while a batch is on its way to the disk, since
   * its own batch would have to wait: those that come meanwhile go first.
   *
   * @param isShared callers of other queues wait for the batch.
   */
  private nextOfBackground(isShared: boolean): Waiting | undefined {
    if (!this.hasBackgroundsTurn(isShared)) return undefined;
    const next = this.background.shift()!;
    this.backgroundBytes += next.transaction.bytesHint ?? bytesHintDefault;
    return next;
  }

  private hasBackgroundsTurn(isShared: boolean): boolean {
    if (this.background.length === 0 || this.inFlight !== undefined || !this.hasRoom()) return false;
    if (!isShared) return this.backgroundBytes < backgroundBytesMax.alone;
    return this.wentWithout && this.backgroundBytes < backgroundBytesMax.shared;
  }

  private endTurn(database: Database): void {
    const isOthersTurn = () => this.queue.length + this.inRound.length > 0 && this.hasRoom();
    const mayGrow = !this.isAwaited && !isOthersTurn() && this.hasBackgroundsTurn(false);
    if (this.inFlight === undefined && !mayGrow) this.sendGathered(database);
    if (mayGrow || isOthersTurn() || this.hasBackgroundsTurn(false)) this.turnSoon();
    this.options.onRest();
  }

  private sendGathered(database: Database): void {
    const hadBackground = this.backgroundBytes > 0;
    this.backgroundBytes = 0;
    this.isAwaited = false;
    if (this.gathering.isEmpty) return;
    this.wentWithout = !hadBackground && this.background.length > 0;
    this.inFlight = this.gathering;
    this.gathering = new Batch();
    this.options.send(database, this.inFlight);
  }

  private hasRoom(): boolean {
    return this.gathering.bytes < doorLimits.batchBytesMax;
  }

  private decideNow({ transaction }: Waiting, read: (key: Key, text: string) => Value | undefined): Ended {
    const env = this.options.env();
    const run = () => {
      const decision = new Decision(transaction, env);
      while (decision.goOn() !== undefined) decision.load(read);
      return decision.outcome;
    };
    if (this.options.runTwice?.()) endOf(run);
    this.begun++;
    return endOf(run);
  }

  private readNow(database: SyncReader, key: Key, text: string): Value | undefined {
    const write = this.gathering.find(text) ?? this.inFlight?.find(text);
    if (write !== undefined) return write.type === 'put' ? write.value : undefined;
    const { cache } = this.options;
    const cached = cache.find(text);
    if (cached !== undefined) return cached;
    const value = readRowNow(database, key);
    if (value !== undefined) cache.keep(text, value);
    return value;
  }

  private takeRound(database: Database): void {
    while (this.inRound.length < turnTransactionsMax) {
      const next = this.queue.shift();
      if (next === undefined) break;
      this.inRound.push(next);
    }
    const isShared = this.isAwaited || this.inRound.length > 0;
    for (let one = this.nextOfBackground(isShared); one !== undefined; one = this.nextOfBackground(isShared))
      this.inRound.push(one);
    const { cache } = this.options;
    this.round = new Round(database, () => [this.gathering, this.inFlight], {
      find: (text) => cache.find(text),
      // What was read from a database that has failed, or while another process owned it, says nothing of later.
      keep: cache.keeper(),
    });
    void this.workOff(this.round, database).then(() => {
      this.round = undefined;
      // Another database may be open by now.
      const current = this.options.database();
      if (current === undefined) this.options.onRest();
      else this.endTurn(current);
    });
  }

  /** Decides the waiting transactions, in their order, as long as the database stays. Never rejects. */
  private async workOff(round: Round, database: Database): Promise<void> {
    // If this fails, the decisions that need the rows find out.
    await round.fetch(this.inRound.flatMap(({ transaction }) => transaction.reads)).catch(() => undefined);
    while (this.inRound.length > 0 && this.hasRoom()) {
      const next = this.inRound[0]!;
      const ended = await this.decideIn(round, next);
      // The decision has read data that may be lost, or was refused meanwhile. If it runs again, it starts again in
      // another round.
      if (this.options.database() !== database || this.inRound[0] !== next) return;
      this.inRound.shift();
      this.settle(next, ended);
    }
  }

  private async decideIn(round: Round, { transaction }: Waiting): Promise<Ended> {
    const env = this.options.env();
    const run = async () => {
      const decision = new Decision(transaction, env);
      await round.finish(decision);
      return decision.outcome;
    };
    const end = async (): Promise<Ended> => {
      try {
        return { outcome: await run() };
      } catch (error) {
        return { error };
      }
    };
    if (this.options.runTwice?.()) await end();
    this.begun++;
    return await end();
  }

  private settle(waiting: Waiting, ended: Ended): void {
    this.ended++;
    const isRefusal = 'error' in ended;
    if (!isRefusal) this.gathering.add(ended.outcome.writes, ended.outcome.bytes, waiting.transaction);
    const settle = () => (isRefusal ? waiting.reject(ended.error) : waiting.resolve(ended.outcome.result));
    // The decision may have read from any batch that is not durable, and batches become durable in order.
    const newest = this.gathering.isEmpty ? this.inFlight : this.gathering;
    this.isAwaited ||= newest === this.gathering && waiting.transaction.queue !== backgroundQueue;
    if (newest === undefined) settle();
    else newest.wait({ settle, abandon: (failure) => waiting.reject(failure) });
  }
}

function endOf(run: () => Outcome<unknown>): Ended {
  try {
    return { outcome: run() };
  } catch (error) {
    return { error };
  }
}
