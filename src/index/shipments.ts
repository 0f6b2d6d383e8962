/**
 * What several processes have written to one index, and what of it still has to be shipped. The index keeps each batch
 * until it is removed here, so that a process that is killed takes nothing with it: any other can ship it.
 *
 * Contract
 *
 * 1. A cut gives each batch that waits its position: the next numbers of one sequence, which belong to no other batch and
 *    never change. Of two batches that write the same row, the one that was written later gets the higher position.
 * 2. All batches up to a position are in the index of that cut, and no other is.
 * 3. Segments are made by a cut: a segment always has the same batches, for every process.
 * 4. A chain is a history without a gap. If batches were written that never waited here, the next cut ends the chain.
 *
 * `postgres/replicas/shipments.ts` implements it.
 */
import type { Write } from './row.ts';

/** A batch with its position. */
interface Shipment {
  readonly position: number;
  /** The time of its commit, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** In the stored form. */
  readonly writes: readonly Write[];
}

/** A segment that waits, with the chain that it belongs to. */
export interface WaitingSegment {
  readonly chain: string;
  readonly isRooted: boolean;
  /** In the order of their positions. */
  readonly batches: readonly Shipment[];
}

/** The state of shipping, which all processes share. Times are the server's, in milliseconds since the Unix epoch. */
export interface ShippingState {
  /** Undefined: none has begun since batches were lost for shipping. */
  readonly chain: string | undefined;
  /** True if an export of the chain exists. */
  readonly isRooted: boolean;
  /** The segments since the newest export of the chain. */
  readonly segments: number;
  readonly now: number;
  /** The time when the oldest batch that waits was written; undefined if none waits. */
  readonly oldest: number | undefined;
}

/** An instant in the order of the batches. */
export interface Cut {
  readonly chain: string;
  readonly isRooted: boolean;
  /** The highest one that a batch has. */
  readonly position: number;
  /** The bytes of all batches that wait. */
  readonly bytes: number;
}

/** The index at the instant of a cut. */
export interface SnapshotCut<S> extends Cut {
  readonly snapshot: S;
}

/** See the head of this file. @template S a snapshot of the index. Every method fails with STORE_UNAVAILABLE if the index cannot be used. */
export interface Shipments<S> {
  state(): Promise<ShippingState>;
  /**
   * Begins a chain with the present state of the index, unless a chain exists. Batches that wait are dropped.
   *
   * @param above no batch of the chain gets this position or a lower one.
   */
  begin(chain: string, above: number): Promise<void>;
  /** Ends the chain if it is this one; undefined: none exists. Batches that wait are dropped. */
  end(chain: string | undefined): Promise<void>;
  /** Undefined if no chain exists, or if it has just ended because of a gap. */
  cut(): Promise<Cut | undefined>;
  /** As {@link cut}, with the index of that instant. */
  cutIndex(): Promise<SnapshotCut<S> | undefined>;
  /** Returns the position of the first batch of each segment that waits, in ascending order. */
  waiting(): Promise<readonly number[]>;
  /** Returns a segment by its first position; undefined if it does not wait any more. */
  read(first: number): Promise<WaitingSegment | undefined>;
  /** Removes the batches of a segment, which must be shipped. */
  remove(first: number): Promise<void>;
  /** Notes that an export of the chain exists. */
  root(chain: string): Promise<void>;
  /** Runs `work` while no other process does so; after two seconds of waiting, all the same: it must do no harm. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Never rejects. Can be called after the index was closed. */
  close(): Promise<void>;
}
