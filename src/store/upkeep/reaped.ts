/** The types and functions that all parts of the reaper share. */
import type { Budget } from '../../domain/load/budget.ts';
import { backgroundQueue, type Index } from '../../index/door.ts';
import type { OlderRequestIds } from '../rows/request-ids.ts';
import type { OnStep } from '../rows/steps.ts';
import type { LapseWriter } from '../rows/transaction.ts';
import type { Pace } from './pace.ts';
import type { Pauses } from './pauses.ts';
import type { Removed } from './reaping/rows.ts';

/** The things that one call has freed. */
export interface Reaped {
  artifacts: number;
  /** The sum of the artifacts' sizes. */
  bytes: number;
  sessions: number;
  /** The number of sessions that were sealed because their lease had lapsed. */
  lapsed: number;
  /** Links, request ids and the like. */
  others: number;
}

/** The parts that the reaper works with. */
export interface ReaperOptions {
  readonly index: Index;
  readonly pauses: Pauses;
  readonly lapses: LapseWriter;
  readonly olderRequestIds: OlderRequestIds;
  /** Finishes the seals that another process has begun and did not finish. */
  readonly finishSeals: () => Promise<void>;
  readonly onStep: OnStep | undefined;
  readonly pace: Pace;
}

/** What transactions of maintenance have that write some hundreds of rows. */
export const inBackground = { queue: backgroundQueue, bytesHint: 16 * 1024 } as const;

/** Adds artifacts that a transaction has removed, and charges them. */
export function addRemoved(done: Reaped, { artifacts, bytes }: Removed, budget: Budget): void {
  done.artifacts += artifacts;
  done.bytes += bytes;
  budget.spend('items', artifacts);
}
