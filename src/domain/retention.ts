import { limits } from './limits.ts';
import type { Pairs } from './metadata.ts';
import type { Outcome } from './outcome.ts';

/** How long the artifacts of a session live after its seal. */
export interface Retention {
  /** Milliseconds by outcome; absent: for ever. */
  readonly ttlMs: Readonly<Partial<Record<Outcome, number>>>;
  readonly keepLast?: KeepLast;
}

/** Which sessions are kept whatever their outcome's time says. */
export interface KeepLast {
  /** 1 to {@link limits.keptSessionsMax}. */
  readonly count: number;
  /** The key of a session's metadata whose value is the kind. */
  readonly metadataKey: string;
  /** Which outcomes count; sorted, not empty. */
  readonly outcomes: readonly Outcome[];
}

/** A lease: from a renewal to the lapse, and when that is now. Milliseconds. */
export interface Lease {
  readonly durationMs: number;
  readonly expireTime: number;
}

/** Of which kind a session is where the last few of each are kept. */
export interface KeptKind {
  /** The outcomes that count, as one text. */
  readonly outcomes: string;
  readonly metadataKey: string;
  readonly value: string;
}

/** When a session expires by its policy, but for `keepLast`; undefined: never. Milliseconds since the Unix epoch. */
export function policyExpiry(
  retention: Retention | undefined,
  outcome: Outcome,
  sealTime: number,
): number | undefined {
  const ttlMs = retention?.ttlMs[outcome];
  return ttlMs === undefined ? undefined : Math.min(sealTime + ttlMs, limits.expireTimeMillisecondsMax);
}

/** The kind that a session of this outcome counts in; undefined if it is of none. */
export function keptKind(
  retention: Retention | undefined,
  outcome: Outcome,
  metadata: Pairs,
): KeptKind | undefined {
  const keepLast = retention?.keepLast;
  if (keepLast === undefined || !keepLast.outcomes.includes(outcome)) return undefined;
  const { metadataKey, outcomes } = keepLast;
  const value = metadata.find(([key]) => key === metadataKey)?.[1];
  return value === undefined ? undefined : { outcomes: outcomes.join(' '), metadataKey, value };
}

/** Of two expiries the one that comes later; undefined is never. */
export function laterExpiry(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}

/** Whether two say the same. */
export function sameRetention(a: Retention, b: Retention): boolean {
  return JSON.stringify(normal(a)) === JSON.stringify(normal(b));
}

function normal({ ttlMs, keepLast }: Retention): unknown {
  const { succeeded, failed, cancelled, abandoned } = ttlMs;
  return [
    [succeeded, failed, cancelled, abandoned],
    keepLast && [keepLast.count, keepLast.metadataKey, keepLast.outcomes],
  ];
}
