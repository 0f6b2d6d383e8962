/**
 * The index: one ordered map from bytes to bytes, behind one door. This file is the port and its contract;
 * `leveldb/` and `memory/` implement it and `test/index/contract.ts` holds both to it.
 *
 * Contract
 *
 * 1. A transaction is data: the rows that it asks for first, and a decision, which reads, writes and answers. A
 *    decision is a generator, pure but for its `tx`: it does no I/O and keeps nothing outside itself. It may be begun
 *    anew any number of times, and only the run that came to its end last counts.
 * 2. Transactions are serialisable in the order in which their decisions end: each sees every write of those before
 *    it, durable or not. A decision yields the keys of the rows that it is about to read, and is resumed with the
 *    values that they have at its place in the order (in at most {@link doorLimits.roundsMax} rounds; what is there
 *    already costs none). An engine whose reads are synchronous resumes it in the same turn. One that must wait for its
 *    reads fetches in one query what the decisions that wait ask for first, and lets nobody pass while it waits.
 * 3. `transact` settles, with a result or with what the decision threw, whether it wrote or not, only when every
 *    batch that it could have read from is durable. An answer is never based on something that may yet vanish.
 * 4. If a batch cannot be made durable, every transaction that wrote to it or could have read from it rejects with
 *    `STORE_UNAVAILABLE`: its outcome is unknown. The door then drops all that was not durable. Once it has seen that
 *    the disk takes writes again it reopens and checks the database, and goes on in a new epoch; until then every
 *    transaction is refused with `STORE_UNAVAILABLE` and a message that names what is wrong with the disk. A write is
 *    never acknowledged on a handle that has failed.
 * 5. `get`, `getMany`, `scan` and `snapshot` see what is durable and nothing else. A write that failed does not end
 *    them: the handle that failed serves them until it is reopened. While there is none they wait, at most
 *    {@link doorLimits.readWaitMillisecondsMax}; one that is open longer than {@link doorLimits.readersEndMillisecondsMax}
 *    from then on may fail with `STORE_UNAVAILABLE`.
 * 6. Every row is checked against a CRC over its key and value. A row that does not match is `DATA_LOSS`; only
 *    `examine` goes on behind it.
 * 7. Keys are compared bytewise. Iteration is in that order.
 */

import { hexOf } from './bytes.ts';
import type { Family } from './family.ts';
import type { Entry, Key, Range, Value, Write } from './row.ts';

/** Rows, decoded; of those that were asked for. */
export interface Rows {
  /** The row; undefined if there is none. Throws {@link KeyNotAsked} for one that was never asked for. */
  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined;
  /** A row of any family by its key, as it is encoded; otherwise as {@link get}. */
  value(key: Key): Value | undefined;
}

/**
 * Reads that may have to wait: yields the keys of what it is about to read, and goes on when those rows can be had from
 * the {@link Rows} that it was given. What is written so runs over a snapshot and inside a decision alike.
 */
export type Asking<T> = Generator<readonly Key[], T, void>;

/** Takes writes. Of several to a key the last counts. */
export interface Writer {
  /** The namespace that the transaction is about; empty: the store as a whole. */
  readonly ns: string;
  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void;
  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void;
  /** A row of any family. */
  write(write: Write): void;
}

/** All that a decision may use. Rows that it has written it reads as it has written them. */
export interface Tx extends Rows, Writer {
  /** Milliseconds since the Unix epoch, the same for the whole run; never less than in an earlier transaction. */
  readonly now: number;
  /** `length` random bytes. */
  random(length: number): Uint8Array;
  /** A UUIDv7 (16 bytes) whose time is {@link now}; strictly greater than every id minted before by this process. */
  mintId(): Uint8Array;
  /** What it has written so far, by `textOf` the keys. */
  readonly written: ReadonlyMap<string, Write>;
  /** The same transaction, about another namespace. */
  in(ns: string): Tx;
  /** The same transaction so far. What is written through this is read through this alone, and never committed. */
  dryRun(): Tx;
}

/** A decision or a look-up read a row that it had not asked for. */
export class KeyNotAsked extends Error {
  readonly key: Key;

  constructor(key: Key) {
    super(`a row was read that had not been asked for: ${hexOf(key)}`);
    this.name = 'KeyNotAsked';
    this.key = key;
  }
}

/** See clauses 1 to 3 of the contract. */
export interface Transaction<T> {
  /** What it is about: {@link Writer.ns}. */
  readonly ns: string;
  /** Transactions of one queue run in order; queues take turns, charged by bytes. Default: {@link ns}. */
  readonly queue?: string;
  /** The rows that it asks for before it is begun. */
  readonly reads: readonly Key[];
  /** See the contract. May throw a `Failure` to refuse; nothing is written then. */
  decide(tx: Tx): Asking<T>;
  /** About how many bytes it will write; what the fair queue is charged with. Default 1 KiB. */
  readonly bytesHint?: number;
}

/** Reads at one instant. */
export interface Reader {
  get(key: Key): Promise<Value | undefined>;
  /** One value (or undefined) per key, in the order of the keys. */
  getMany(keys: readonly Key[]): Promise<(Value | undefined)[]>;
  /** Entries of the range in order, in blocks of at most {@link doorLimits.scanBlockEntriesMax}; no empty block. */
  scan(range: Range): AsyncIterable<readonly Entry[]>;
}

/** A row as an examination gives it. */
export type Examined =
  | { readonly kind: 'row'; readonly key: Key; readonly value: Value }
  /** The row does not match its checksum, or has an unknown format. */
  | { readonly kind: 'damaged'; readonly key: Key; readonly message: string }
  /** Rows after `key` (or from the beginning of the range) cannot be read; how many is not known. Always the last. */
  | { readonly kind: 'unreadable'; readonly key: Key; readonly message: string };

/** A reader fixed to the instant of its creation, until it is disposed. */
export interface Snapshot extends Reader, AsyncDisposable {
  /**
   * Like `scan`, ascending, but says what is damaged instead of failing there: every row that can be read is given.
   */
  examine(range: Pick<Range, 'gte' | 'lt'>): AsyncIterable<readonly Examined[]>;
}

/** The door; see the contract above. */
export interface Index extends Reader, AsyncDisposable {
  transact<T>(transaction: Transaction<T>): Promise<T>;
  snapshot(): Snapshot;
  /**
   * Gives back what rows that were removed from this range still occupy, in space and in the time of scans. Changes
   * nothing that can be read; may take long, and is worth it after thousands of removals only.
   */
  compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void>;
  /** The instant that a transaction would be given now, in milliseconds: what reads decide expiry by. */
  now(): number;
  /** Why no transaction is accepted at the moment; undefined if they are. Reads may be served all the same. */
  readonly trouble: string | undefined;
  /** False if reads that come now are likely to wait in vain. */
  readonly isReadable: boolean;
  /** Starts at 1 and grows by one whenever the database had to be reopened after a write error. */
  readonly epoch: number;
  /** Resolves when that has grown; never if the index is closed before. */
  nextEpoch(): Promise<void>;
  /** Counters since the start, for metrics and benchmarks. */
  readonly stats: IndexStats;
  /** How many transactions wait for their turn, over all queues. */
  readonly waiting: number;
  /** Refuses new transactions, finishes those accepted, makes everything durable and releases the database. */
  close(): Promise<void>;
}

/** Counters since the index was opened; they never go back. A batch is one durable write. */
export interface IndexStats {
  readonly transactions: number;
  /** How often a decision was begun: more often than there were transactions where some were begun anew. */
  readonly decisionsBegun: number;
  readonly batches: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly reopens: number;
}

/**
 * Exceeding one of the first three, or `transactionBytesMax`, is a bug of the caller and throws a RangeError.
 */
export const doorLimits = {
  roundsMax: 5,
  readsMax: 2_048,
  writesMax: 4_096,
  /** A batch stops taking transactions when it holds this much; one transaction alone may hold `transactionBytesMax`. */
  batchBytesMax: 4 * 1024 * 1024,
  transactionBytesMax: 8 * 1024 * 1024,
  /** Waiting transactions, over all queues; above it `OVERLOADED`. */
  queueLengthMax: 20_000,
  /** Of these, at most this many in one queue. */
  queueLengthMaxOne: 10_000,
  scanBlockEntriesMax: 1_000,
  /** How long a read waits while no database is open. */
  readWaitMillisecondsMax: 5_000,
  /** How long scans and snapshots may go on before the database that they read from is reopened. */
  readersEndMillisecondsMax: 2_000,
} as const;
