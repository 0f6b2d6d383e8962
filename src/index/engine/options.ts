/** The parts and settings of an engine. */

import type { After } from '../../domain/timer.ts';
import type { IndexDamaged } from '../damage.ts';
import type { CommitRecord } from '../records.ts';
import type { Value, Write } from '../row.ts';
import type { Database } from './database.ts';

/** The place where the engine keeps its high-water mark, outside the database. */
export interface Mark {
  /** The commit that the mark named when it was opened; 0 if no mark existed. */
  readonly seq: number;
  /** Called when the commit is durable: the mark may name it. Returns at once and never fails. */
  note(seq: number): void;
  /** Writes the last noted commit. Nothing may be noted afterwards. */
  close(): Promise<void>;
}

/** The rows of a database that only one of the engines above it writes. Only these may be kept in memory. */
export interface OwnRows {
  /** @param text the text of the key. */
  isOwn(text: string, value: Value): boolean;
  /** False: another engine may write them by now, although no listener of {@link onChange} knows it yet. */
  readonly areSafe: boolean;
  /** Has `listener` called whenever rows become, or cease to be, the engine's own. */
  onChange(listener: () => void): void;
}

/** The parts and settings of an engine. */
export interface EngineOptions {
  /** Opens the database; called again after every write error. */
  openDatabase(): Promise<Database>;
  /**
   * Opens the existing database for reads alone, if {@link openDatabase} fails because the disk takes no writes. Its
   * batches fail. Default: nothing can be read then.
   */
  readonly openForReads?: () => Promise<Database>;
  /**
   * Called after a write error, and again from time to time, until it resolves. Then the disk takes the writes of an
   * opening, and the database is closed and opened again. Until then it serves reads. Default: resolves at once.
   *
   * @param error the error of the failed write.
   */
  readonly probe?: (error: unknown) => Promise<void>;
  /**
   * Called when a closing has taken two seconds: what is under way on the database should end soon, however. Default: it
   * is waited for.
   */
  readonly abandon?: () => void;
  /** Returns false while a database that cannot be written cannot be read either. Default: it can be read. */
  readonly isReadable?: () => boolean;
  /** Default: none; then the loss of the last commits is not noticed. */
  readonly mark?: Mark;
  /** The number of the ring that its commits go to. Default 0. */
  readonly ring?: number;
  /**
   * Called with a database that was checked and its newest commit. Returns the commit after which the engine continues.
   * Default: that one.
   */
  readonly continueAfter?: (database: Database, newest: CommitRecord) => Promise<CommitRecord>;
  /** The rows that only this engine writes. Default: all of them. */
  readonly ownRows?: OwnRows;
  /**
   * Called when a batch is durable, with its writes in the stored form, the commit included. Must return at once.
   * If it throws, `warn` gets a message. Default: nothing is called.
   */
  readonly onLanded?: (commit: CommitRecord, writes: readonly Write[]) => void;
  /**
   * Called when the database was opened again after a failed write, with its newest commit: the failed batch, of which
   * {@link onLanded} was not told, may be in it. Default: nothing is called.
   */
  readonly onReopened?: (newest: CommitRecord) => void;
  /** Called when `trouble` or `isReadable` of the index may have changed. */
  readonly onTrouble?: () => void;
  /** Called when the index closes. */
  readonly onClose?: () => Promise<void>;
  /** The most bytes of memory for rows that are read again and again, roughly. Default 16 MiB; 0: none is kept. */
  readonly rowCacheBytes?: number | undefined;
  /** Milliseconds since the Unix epoch. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default: the system's random bytes. */
  readonly random?: (length: number) => Uint8Array;
  /** Default: real time. */
  readonly after?: After;
  /** Called with messages that an operator should know and that appear in no other place. Default: nothing. */
  readonly warn?: (message: string) => void;
  /**
   * Looks for damage while the index serves, until the signal is given; damage that it finds ends the service. Its own
   * errors go to {@link warn}. Default: nothing looks.
   */
  readonly inspect?: (signal: AbortSignal) => Promise<IndexDamaged | undefined>;
  /** Called once when damage ends the service; every call then fails with it. */
  readonly onDamage?: (damage: IndexDamaged) => void;
  /** Returns true to run a transaction once more after it has run, as the contract allows. Default: never. */
  readonly runTwice?: () => boolean;
}

/** The settings of an engine that the code which opens an index may choose, whatever the database is. */
export type OpeningOptions = Pick<
  EngineOptions,
  | 'clock'
  | 'random'
  | 'after'
  | 'warn'
  | 'onDamage'
  | 'onTrouble'
  | 'onLanded'
  | 'onReopened'
  | 'probe'
  | 'rowCacheBytes'
>;
