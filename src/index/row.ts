/** The parts of the index: keys, values and intervals of keys. */

/** Bytes made by `keys.ts`. They never change after the door has got them. */
export type Key = Uint8Array;

/** A row's value as `records.ts` encodes it. It never changes after the door has got it. */
export type Value = Uint8Array;

/** One row that is set or removed. Of several writes to a key in one transaction, the last one counts. */
export type Write =
  | { readonly type: 'put'; readonly key: Key; readonly value: Value }
  | { readonly type: 'del'; readonly key: Key };

/** A row from a scan. */
export type Entry = readonly [key: Key, value: Value];

/** A half-open interval of keys, and the way to walk it. */
export interface Range {
  /** Inclusive. */
  readonly gte: Key;
  /** Exclusive. */
  readonly lt: Key;
  /** Descending order. Default false. */
  readonly reverse?: boolean;
  /** The most entries in all. Default: no bound. */
  readonly limit?: number;
  /**
   * The most entries of the first block, for readers that may not want all entries: each block is a hop to another
   * thread. Default: every block is as large as it may be.
   */
  readonly firstBlock?: number;
  /**
   * The most entries of the second block; each block after it has twice as many as the one before. Default: four times
   * {@link firstBlock}.
   */
  readonly secondBlock?: number;
  /**
   * Returns the most entries of the next block, for readers that find out as they read how many they still need.
   * Asked before each block but the first. Default: see {@link secondBlock}.
   */
  readonly nextBlock?: () => number;
}
