/** What the parts of the reaper share. */
import type { Index } from '../../index/door.ts';
import type { OnStep } from '../rows/steps.ts';
import type { LapseWriter } from '../rows/transaction.ts';
import type { Pace } from './pace.ts';
import type { Pauses } from './pauses.ts';

/** What one call has freed. */
export interface Reaped {
  artifacts: number;
  /** Lengths of these, added up. */
  bytes: number;
  sessions: number;
  /** Sessions that were sealed since their lease had lapsed. */
  lapsed: number;
  /** Links, request ids and the like. */
  others: number;
}

/** What it works on. */
export interface ReaperOptions {
  readonly index: Index;
  readonly pauses: Pauses;
  readonly lapses: LapseWriter;
  readonly onStep: OnStep | undefined;
  readonly pace: Pace;
}

/** The queue of maintenance, which takes turns with those of the namespaces. */
export const reapQueue = '';

/** How much was freed. */
export function itemsOf({ artifacts, sessions, lapsed, others }: Reaped): number {
  return artifacts + sessions + lapsed + others;
}
