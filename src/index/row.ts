/** What the index consists of: keys, values and intervals of keys. */

/** Bytes made by `keys.ts`. Never mutated after it was handed to the door. */
export type Key = Uint8Array;

/** A row's value as `records.ts` encodes it. Never mutated after it was handed to the door. */
export type Value = Uint8Array;

/** One row set or removed. Of several writes to a key in one transaction the last counts. */
export type Write =
  | { readonly type: 'put'; readonly key: Key; readonly value: Value }
  | { readonly type: 'del'; readonly key: Key };

/** A row as a scan gives it. */
export type Entry = readonly [key: Key, value: Value];

/** A half-open interval of keys and how to walk it. */
export interface Range {
  /** Inclusive. */
  readonly gte: Key;
  /** Exclusive. */
  readonly lt: Key;
  /** Descending order. Default false. */
  readonly reverse?: boolean;
  /** At most this many entries in all. Default: no bound. */
  readonly limit?: number;
  /**
   * The first block has at most this many entries, for who may not want them all: each block is a hop to another
   * thread. Default: every block as large as it may be.
   */
  readonly firstBlock?: number;
  /** The second one; each block after it has twice as many as the one before. Default: four times {@link firstBlock}. */
  readonly secondBlock?: number;
}
