/**
 * The order of transactions. Their decisions run one after another, and each reads through the batches that are not
 * durable yet. A caller gets its result when everything that the decision could have read from is durable.
 */
import { Failure } from '../../domain/errors.ts';
import { doorLimits, type Transaction } from '../door.ts';
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
/** After this many transactions, other work gets the thread. */
const turnTransactionsMax = 256;

/** The transactions that wait, the one that runs, and the batches that are not durable. */
export class Order {
  private readonly options: OrderOptions;
  private readonly queue = new FairQueue<Waiting>();
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
    return this.queue.length + this.inRound.length;
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
    if (this.length < doorLimits.queueLengthMax && this.queue.lengthOf(queue) < doorLimits.queueLengthMaxOne)
      return;
    throw new Failure('OVERLOADED', 'too many transactions are waiting', { retryAfterMs: overloadedRetryMs });
  }

  push(waiting: Waiting): void {
    const { ns, queue = ns, bytesHint = bytesHintDefault } = waiting.transaction;
    if (!(bytesHint >= 0 && bytesHint < Number.POSITIVE_INFINITY))
      throw new RangeError(`not a number of bytes: ${bytesHint}`);
    this.queue.push(queue, waiting, bytesHint);
    this.turnSoon();
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
    for (const batch of lost) batch?.abandon(failure);
  }

  /** Refuses the waiting transactions, which have not been decided. */
  refuse(failure: unknown): void {
    for (const waiting of this.inRound.splice(0)) waiting.reject(failure);
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) next.reject(failure);
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
    this.endTurn(database);
  }

  private endTurn(database: Database): void {
    if (this.inFlight === undefined && !this.gathering.isEmpty) {
      this.inFlight = this.gathering;
      this.gathering = new Batch();
      this.options.send(database, this.inFlight);
    }
    if (this.length > 0 && this.hasRoom()) this.turnSoon();
    this.options.onRest();
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
