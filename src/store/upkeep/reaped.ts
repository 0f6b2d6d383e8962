/** The types and functions that all parts of the reaper share. */
import type { Index } from '../../index/door.ts';
import type { OnStep } from '../rows/steps.ts';
import type { LapseWriter } from '../rows/transaction.ts';
import type { Pace } from './pace.ts';
import type { Pauses } from './pauses.ts';

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
  readonly onStep: OnStep | undefined;
  readonly pace: Pace;
}

/** The queue of maintenance, which takes turns with those of the namespaces. */
export const reapQueue = '';

/** Returns the number of freed things. */
export function itemsOf({ artifacts, sessions, lapsed, others }: Reaped): number {
  return artifacts + sessions + lapsed + others;
}
