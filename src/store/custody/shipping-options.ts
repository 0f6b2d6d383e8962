/** What the shipping of an index is made of, and begins with. */
import type { ExportFiles } from '../../blobs/export-files.ts';
import type { After } from '../../domain/timer.ts';
import type { CommitRecord } from '../../index/records.ts';
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
}
