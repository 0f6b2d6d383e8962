/** What an engine is made of. */

import type { After } from '../../domain/timer.ts';
import type { IndexDamaged } from '../damage.ts';
import type { Database } from './database.ts';

/** Where the engine keeps its high-water mark, outside the database. */
export interface Mark {
  /** The commit that the mark named when it was opened; 0 if there was no mark. */
  readonly seq: number;
  /** The commit is durable: the mark may name it. Returns at once and never fails. */
  note(seq: number): void;
  /** Writes the last noted commit. Nothing may be noted afterwards. */
  close(): Promise<void>;
}

/** What an engine stands on. */
export interface EngineOptions {
  /** Opens the database; called again after every write error. */
  openDatabase(): Promise<Database>;
  /**
   * Opens what is there to be read alone, where {@link openDatabase} fails for want of a disk that takes writes. Its
   * batches fail. Default: nothing can be read then.
   */
  readonly openForReads?: () => Promise<Database>;
  /**
   * Called after a write error, and again from time to time, until it resolves: then what an opening writes can be
   * written, and the database is closed and opened again. Until then it serves reads. Default: resolves at once.
   *
   * @param error what the write failed with.
   */
  readonly probe?: (error: unknown) => Promise<void>;
  /** Default: none, so that a lost tail goes unseen. */
  readonly mark?: Mark;
  /** Called when `trouble` or `isReadable` of the index may have changed. */
  readonly onTrouble?: () => void;
  /** Called when the index closes. */
  readonly onClose?: () => Promise<void>;
  /** Milliseconds since the Unix epoch. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default: the system's. */
  readonly random?: (length: number) => Uint8Array;
  /** Default: real time. */
  readonly after?: After;
  /** Told what an operator should know and nobody else is told. Default: nothing. */
  readonly warn?: (message: string) => void;
  /**
   * Looks for damage while the index serves, until the signal is given; what it finds ends the service. Errors of its
   * own are told to {@link warn}. Default: nobody looks.
   */
  readonly inspect?: (signal: AbortSignal) => Promise<IndexDamaged | undefined>;
  /** Told once when nothing can be served any more because of damage; every call then fails with it. */
  readonly onDamage?: (damage: IndexDamaged) => void;
  /** Whether to run a transaction that has run once more, as the contract allows. Default: never. */
  readonly runTwice?: () => boolean;
}
