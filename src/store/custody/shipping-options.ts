/** What the shipping of an index is made of, and begins with. */
import type { ExportFiles } from '../../blobs/export-files.ts';
import type { After } from '../../domain/timer.ts';
import type { Index } from '../../index/door.ts';
import type { CommitRecord } from '../../index/records.ts';
import type { Write } from '../../index/row.ts';
import type { OnStep } from '../rows/steps.ts';

/** A commit, as segments and exports name it. */
export type Commit = Pick<CommitRecord, 'seq' | 'time'>;

/** The parts of a shipping. */
export interface ShippingOptions {
  readonly files: ExportFiles;
  readonly after: After;
  readonly warn: (message: string) => void;
  /** Returns the name of a new chain. */
  readonly mintChain: () => string;
  /**
   * Writes an export of a state that is not older than the call, and returns its last commit. Called when a chain must
   * begin, and when it is long.
   */
  readonly onGap: () => Promise<Commit>;
  /** Returns whether the place has an export of the chain. Default: that is not asked. */
  readonly hasExportOf?: ((chain: string) => Promise<boolean>) | undefined;
  /** In milliseconds. Default 5,000. */
  readonly gatherMs?: number | undefined;
  /** Default: the steps are not reported. */
  readonly onStep?: OnStep | undefined;
}

/** What the shipping begins with. */
export interface Beginning {
  /** True if another index was open before. */
  readonly isReplaced: boolean;
  /** True if no caller has used the store yet: nothing is written before the first does. */
  readonly isUnused: boolean;
  readonly index: Index;
}

/**
 * Ships the index to the place of its exports, between them. `shipping.ts` does it for one process, and
 * `replicas/replica-shipping.ts` for one of several.
 */
export interface IndexShipping {
  /**
   * The time of the state that can be restored, in milliseconds since the Unix epoch. What was removed from the index
   * later may be in it again after a loss, so its contents must stay.
   */
  readonly restorableTime: number;
  /** The time from the last state that can be restored to the newest commit, in milliseconds. */
  readonly lagMs: number;
  /** Ships nothing until {@link begin}: another index may be opened. */
  suspend(): void;
  /** Begins with an index whose newest commit is this one. Does not wait for an export, if one is needed. */
  begin(storeId: string, newest: Commit, beginning: Beginning): Promise<void>;
  /** Called when the database was opened again after a failed write, whose outcome was unknown. */
  reopened(newest: Commit): void;
  /** Called with a batch that is durable. Returns at once. */
  note(commit: CommitRecord, writes: readonly Write[]): void;
  /**
   * Resolves when everything that is durable in the index now can be restored from the place.
   *
   * @throws Failure STORE_UNAVAILABLE if that will not be; the reason of the signal.
   */
  whenShipped(signal: AbortSignal): Promise<void>;
  /** Returns the newest commit that a segment in the place has, whatever store it belongs to; 0 if it has none. */
  highestCommit(): Promise<number>;
  /** Resolves when the chain has its export, or none comes in time. For a stop, while the index is still open. */
  whenRooted(): Promise<void>;
  /** Ships what waits, and takes no more. Never rejects. */
  close(): Promise<void>;
}
