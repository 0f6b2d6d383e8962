/**
 * The index: one ordered map from bytes to bytes, behind one door. This file is the port and its contract. `leveldb/`,
 * `postgres/` and `memory/` implement it, and `test/index/contract.ts` tests both against it.
 *
 * Contract
 *
 * 1. A transaction is data: the rows that it requests first, and a decision, which reads, writes and answers. A
 *    decision is a generator, pure except for its `tx`: it does no I/O and keeps nothing outside itself. It may start
 *    again any number of times, and only the last run that came to its end counts.
 * 2. Transactions are serialisable in the order in which their decisions end: each sees every write of those before it,
 *    durable or not. A decision yields the keys of the rows that it is about to read. It is resumed with the values of
 *    these rows at its place in the order (in at most {@link doorLimits.roundsMax} rounds; available rows cost
 *    none). An engine whose reads are synchronous resumes it in the same turn. An engine that must wait for its
 *    reads fetches the first requests of all waiting decisions in one query, and lets no decision pass while it waits.
 * 3. `transact` settles, with a result or with the error of the decision, whether it wrote or not, only when every
 *    batch that it could have read from is durable. An answer is never based on data that may yet vanish.
 * 4. If a batch cannot be made durable, every transaction that wrote to it or could have read from it rejects with
 *    `STORE_UNAVAILABLE`: its outcome is unknown. The door then drops everything that was not durable. When it has seen
 *    that the disk takes writes again, it reopens and checks the database, and continues in a new epoch. Until then
 *    every transaction is refused with `STORE_UNAVAILABLE` and a message that names the fault of the disk. A write is
 *    never acknowledged on a handle that has failed.
 * 5. `get`, `getMany`, `scan` and `snapshot` see durable data and nothing else. A write that failed does not end them:
 *    the handle that failed serves them until it is reopened. While no handle exists, they wait, at most {@link
 *    doorLimits.readWaitMillisecondsMax}. A scan or snapshot that is open longer than {@link
 *    doorLimits.readersEndMillisecondsMax} from then on may fail with `STORE_UNAVAILABLE`.
 * 6. Every row is checked against a CRC over its key and value. A row that does not match is `DATA_LOSS`; only
 *    `examine` continues after it.
 * 7. Keys are compared bytewise. Iteration is in that order.
 * 8. `cached` gives the rows of the same instant as its reader, some of them from memory, and so do decisions: such a row
 *    was checked when it came there, and is decoded once. `list` gives the entries of that instant in the same way. Nothing
 *    in memory outlasts a batch that failed.
 */

import { hexOf } from './bytes.ts';
import type { Family } from './family.ts';
import type { Listed } from './listed.ts';
import type { Owners } from './owners.ts';
import type { Entry, Key, Range, Value, Write } from './row.ts';
import type { Shipments, SnapshotCut } from './shipments.ts';

/** The decoded rows; only those that were requested. */
export interface Rows {
  /** Returns the row; undefined if it does not exist. Throws {@link KeyNotAsked} for a row that was never requested. */
  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined;
  /** Returns a row of any family by its encoded key; otherwise as {@link get}. */
  value(key: Key): Value | undefined;
}

/**
 * Reads that may have to wait. The generator yields the keys of the rows that it is about to read, and continues when
 * those rows are available from the {@link Rows} that it was given. Code in this form runs over a snapshot and inside a
 * decision alike.
 */
export type Asking<T> = Generator<readonly Key[], T, void>;

/** Takes writes. Of several writes to a key, the last one counts. */
export interface Writer {
  /** The namespace of the transaction; empty: the store as a whole. */
  readonly ns: string;
  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void;
  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void;
  /** Writes a row of any family. */
  write(write: Write): void;
}

/** Everything that a decision may use. It reads its own written rows as it has written them. */
export interface Tx extends Rows, Writer {
  /** Milliseconds since the Unix epoch, the same for the whole run; never less than in an earlier transaction. */
  readonly now: number;
  /** Returns `length` random bytes. */
  random(length: number): Uint8Array;
  /**
   * Returns a UUIDv7 (16 bytes) whose time is {@link now}; strictly greater than every id minted before by this
   * process.
   */
  mintId(): Uint8Array;
  /** The writes so far, by `textOf` their keys. */
  readonly written: ReadonlyMap<string, Write>;
  /**
   * Returns a copy of the transaction so far. Writes through the copy can be read through the copy only, and are never
   * committed.
   */
  dryRun(): Tx;
}

/** A decision or a look-up read a row that it had not requested. */
export class KeyNotAsked extends Error {
  readonly key: Key;

  constructor(key: Key) {
    super(`the reader did not request this row before: ${hexOf(key)}`);
    this.name = 'KeyNotAsked';
    this.key = key;
  }
}

/**
 * The queue of work that no caller waits for. Its transactions run when no batch is on its way to the disk and no other
 * transaction waits: some of them, one in each turn of the event loop, share a batch, which is sent as soon as another
 * transaction comes. If a batch was sent without them while they waited, the next batch has one or a few of them.
 */
export const backgroundQueue = '/background';

/** See clauses 1 to 3 of the contract. */
export interface Transaction<T> {
  /** The namespace of the transaction: {@link Writer.ns}. */
  readonly ns: string;
  /**
   * Transactions of one queue run in order; queues take turns, charged by bytes. {@link backgroundQueue} has no turns:
   * it gives way. Default: {@link ns}.
   */
  readonly queue?: string;
  /**
   * The keys of the rows that it requests before it begins. May be a getter, which is asked when the transaction runs: keys
   * that are made where they are used cost least.
   */
  readonly reads: readonly Key[];
  /** See the contract. May throw a `Failure` to refuse; nothing is written then. */
  decide(tx: Tx): Asking<T>;
  /** The epoch of the ownership of {@link ns} that it stands on. Without that, it is not written. Default: none. */
  readonly fence?: number;
  /** The approximate number of bytes that it will write; the fair queue charges this number. Default 1 KiB. */
  readonly bytesHint?: number;
}

/** Reads at one instant. */
export interface Reader {
  get(key: Key): Promise<Value | undefined>;
  /** Returns one value (or undefined) per key, in the order of the keys. */
  getMany(keys: readonly Key[]): Promise<(Value | undefined)[]>;
  /**
   * Yields the entries of the range in order, in blocks of at most {@link doorLimits.scanBlockEntriesMax}; no block is
   * empty.
   */
  scan(range: Range): AsyncIterable<readonly Entry[]>;
}

/** A reader some of whose rows may come from memory. */
export interface CachedReader extends Reader {
  /**
   * Reads the same rows, some of them from memory: they were checked when they came there, and what they are decoded to
   * is frozen. What looks for damage reads without this.
   */
  readonly cached: Pick<Reader, 'getMany'>;
}

/** A reader of lists: rows that list artifacts or sessions, the newest first. */
export interface ListReader extends Reader {
  /**
   * Yields the entries of a list in a range, in blocks as {@link scan}; those that come first may come from memory.
   *
   * @param list the key of the list: the keys of its entries are 16 bytes longer.
   */
  list(list: Key, range: Range): AsyncIterable<readonly Listed[]>;
}

/** A row from an examination. */
export type Examined =
  | { readonly kind: 'row'; readonly key: Key; readonly value: Value }
  /** The row does not match its checksum, or has an unknown format. */
  | { readonly kind: 'damaged'; readonly key: Key; readonly message: string }
  /**
   * Rows after `key` (or from the beginning of the range) cannot be read; their number is not known. Always the last.
   */
  | { readonly kind: 'unreadable'; readonly key: Key; readonly message: string };

/** A reader fixed to the instant of its creation, until it is disposed. */
export interface Snapshot extends CachedReader, ListReader, AsyncDisposable {
  /** Like `scan`, ascending, but reports damage instead of failing there: it yields every row that can be read. */
  examine(range: Pick<Range, 'gte' | 'lt'>): AsyncIterable<readonly Examined[]>;
}

/** The index at an instant in the order of what is shipped. */
export type IndexCut = SnapshotCut<Snapshot>;

/** The door; see the contract above. */
export interface Index extends CachedReader, AsyncDisposable {
  transact<T>(transaction: Transaction<T>): Promise<T>;
  snapshot(): Snapshot;
  /**
   * Frees what rows that were removed from this range still occupy, in space and in the time of scans. Changes nothing
   * that can be read. It may take long, and is worth its cost only after thousands of removals.
   */
  compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void>;
  /** Returns the instant that a transaction would get now, in milliseconds: reads decide expiry by it. */
  now(): number;
  /**
   * The reason for which no transaction is accepted at the moment; undefined if they are accepted. Reads may be served
   * all the same.
   */
  readonly trouble: string | undefined;
  /** False if new reads are likely to wait in vain. */
  readonly isReadable: boolean;
  /** Starts at 1 and grows by one whenever the database had to be reopened after a write error. */
  readonly epoch: number;
  /** Resolves when the epoch has grown; never if the index is closed before. */
  nextEpoch(): Promise<void>;
  /** The processes that decide. A transaction about a namespace that another one owns fails with `NOT_OWNER`. */
  readonly owners: Owners;
  /** What waits to be shipped. Undefined if this process has the index for itself, or if nothing is to be shipped. */
  readonly shipments?: Shipments<Snapshot> | undefined;
  /** Counters since the start, for metrics and benchmarks. */
  readonly stats: IndexStats;
  /** The number of transactions that wait for their turn, over all queues. */
  readonly waiting: number;
  /** Refuses new transactions, finishes the accepted ones, makes everything durable and releases the database. */
  close(): Promise<void>;
}

/** What a process owns among several. The counters are since the index was opened. */
export interface ReplicaStats {
  /** The namespaces that it owns. */
  readonly namespaces: number;
  /** How often it has taken a namespace over. */
  readonly takeOvers: number;
  /** How often its lease has ended before it was renewed. */
  readonly lapses: number;
}

/** Counters since the index was opened; they never decrease. A batch is one durable write. */
export interface IndexStats {
  readonly transactions: number;
  /** The number of runs of decisions that were begun: more than the number of transactions if some ran again. */
  readonly decisionsBegun: number;
  readonly batches: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly reopens: number;
  /** Undefined if this process has the index for itself. */
  readonly replica?: ReplicaStats;
}

/**
 * The limits of the door. Exceeding one of the first three, or `transactionBytesMax`, is a bug of the caller and throws
 * a RangeError.
 */
export const doorLimits = {
  roundsMax: 5,
  readsMax: 2_048,
  writesMax: 4_096,
  /** A batch of this size takes no more transactions; one transaction alone may have `transactionBytesMax`. */
  batchBytesMax: 4 * 1024 * 1024,
  transactionBytesMax: 8 * 1024 * 1024,
  /** The most waiting transactions, over all queues; more get `OVERLOADED`. */
  queueLengthMax: 20_000,
  /** The most of these in one queue. */
  queueLengthMaxOne: 10_000,
  scanBlockEntriesMax: 1_000,
  /** The longest time that a read waits while no database is open. */
  readWaitMillisecondsMax: 5_000,
  /** The time for which scans and snapshots may continue before the database that they read from is reopened. */
  readersEndMillisecondsMax: 2_000,
} as const;
