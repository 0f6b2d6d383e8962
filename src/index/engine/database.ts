/**
 * What the engine needs of an ordered map from bytes to bytes. `leveldb.ts` and `memory.ts` provide it; a test wraps
 * either to make a batch fail or wait.
 */
import type { Key, Range, Write } from '../row.ts';

/** A row as it is stored: see `stored-row.ts`. */
export type StoredValue = Uint8Array;

/** Reads of a database, at one instant or of what is there now. */
export interface DatabaseReader {
  /** Absent where every read has to wait. */
  getSync?(key: Key): StoredValue | undefined;
  /** One value (or undefined) per key, in the order of the keys. */
  getMany(keys: readonly Key[]): Promise<(StoredValue | undefined)[]>;
  iterator(range: Range): DatabaseIterator;
}

/** Reads at the instant of its creation. Must be closed. */
export interface DatabaseIterator {
  /** At least one and at most `size` entries, or none at the end. */
  nextv(size: number): Promise<[key: Key, value: StoredValue][]>;
  close(): Promise<void>;
}

/** Must be closed. */
export interface DatabaseSnapshot extends DatabaseReader {
  close(): Promise<void>;
}

/** Once it is closed every operation fails with `STORE_UNAVAILABLE`. */
export interface Database extends DatabaseReader {
  /** What the database itself says to have dropped while it was opened; empty if nothing. */
  readonly dropped: readonly string[];
  snapshot(): DatabaseSnapshot;
  /**
   * Writes all or nothing; durable when it resolves. After it has rejected nothing is known of this batch and nothing may
   * be written; reads go on, and see the batch only if it is durable, and then whole.
   */
  batch(writes: readonly Write[]): Promise<void>;
  /** Rewrites what is stored of a range without what was removed from it. */
  compact(range: Pick<Range, 'gte' | 'lt'>): Promise<void>;
  /** Idempotent. Closes what was opened from it. */
  close(): Promise<void>;
}
