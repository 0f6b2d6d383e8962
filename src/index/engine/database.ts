/**
 * The ordered map from bytes to bytes that the engine needs. `leveldb.ts`, `memory.ts` and `postgres/database.ts` provide
 * it; a test wraps each to make a batch fail or wait.
 */
import type { Key, Range, Write } from '../row.ts';

/** A row in the stored form: see `stored-row.ts`. */
export type StoredValue = Uint8Array;

/** Reads of a database, at one instant or of the present state. */
export interface DatabaseReader {
  /** Absent where every read has to wait. */
  getSync?(key: Key): StoredValue | undefined;
  /** Returns one value (or undefined) per key, in the order of the keys. */
  getMany(keys: readonly Key[]): Promise<(StoredValue | undefined)[]>;
  iterator(range: Range): DatabaseIterator;
}

/** Reads at the instant of its creation. Must be closed. */
export interface DatabaseIterator {
  /** Returns at least one and at most `size` entries; none at the end. */
  nextv(size: number): Promise<[key: Key, value: StoredValue][]>;
  close(): Promise<void>;
}

/** Must be closed. */
export interface DatabaseSnapshot extends DatabaseReader {
  close(): Promise<void>;
}

/** After it is closed, every operation fails with `STORE_UNAVAILABLE`. */
export interface Database extends DatabaseReader {
  /** The losses that the database itself reports from its opening; empty if none. */
  readonly dropped: readonly string[];
  /** What may have happened if the last commits are missing, in words. Default: nothing is said. */
  readonly whyLost?: string;
  /**
   * Resolves with the error when the database finds, while no batch is under way, that it cannot be written any more.
   * Then no batch of it was or will be written without having resolved. Never rejects. Default: only a batch shows it.
   */
  readonly failed?: Promise<unknown>;
  /** Takes a snapshot of this instant; of a later one if it returns a promise. */
  snapshot(): DatabaseSnapshot | Promise<DatabaseSnapshot>;
  /**
   * Writes all or nothing; durable when it resolves. After it has rejected, the outcome of this batch is unknown, and
   * nothing more may be written. Reads continue; they see the batch only if it is durable, and then all of it.
   *
   * @param fences by namespace, the epoch of its ownership without which nothing may be written. Default: none.
   */
  batch(writes: readonly Write[], fences?: ReadonlyMap<string, number>): Promise<void>;
  /** Rewrites the stored form of a range, without the rows that were removed from it. */
  compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void>;
  /** Idempotent. Closes everything that was opened from it. */
  close(): Promise<void>;
}
