import { limits } from './limits.ts';
import { type Pairs, valueIn } from './metadata.ts';
import type { Outcome } from './outcome.ts';

/** The time for which the artifacts of a session live after its seal. */
export interface Retention {
  /** Milliseconds by outcome; absent: without an end. */
  readonly ttlMs: Readonly<Partial<Record<Outcome, number>>>;
  readonly keepLast?: KeepLast;
}

/** The sessions that are kept whatever the time for their outcome is. */
export interface KeepLast {
  /** The number of kept sessions: 1 to {@link limits.keptSessionsMax}. */
  readonly count: number;
  /** The key of a session's metadata whose value is the kind. */
  readonly metadataKey: string;
  /** The outcomes that count; sorted, not empty. */
  readonly outcomes: readonly Outcome[];
}

/** A lease: the time from a renewal to the lapse, and the present time of the lapse. Milliseconds. */
export interface Lease {
  readonly durationMs: number;
  readonly expireTime: number;
}

/** The kind of a session, if the last few sessions of each kind are kept. */
export interface KeptKind {
  /** The outcomes that count, as one text. */
  readonly outcomes: string;
  readonly metadataKey: string;
  readonly value: string;
}

/**
 * Returns the time when a session expires by its policy without `keepLast`; undefined: never. Milliseconds since the
 * Unix epoch.
 */
export function policyExpiry(
  retention: Retention | undefined,
  outcome: Outcome,
  sealTime: number,
): number | undefined {
  const ttlMs = retention?.ttlMs[outcome];
  return ttlMs === undefined ? undefined : Math.min(sealTime + ttlMs, limits.expireTimeMillisecondsMax);
}

/** Returns the kind that a session with this outcome counts in; undefined if it counts in none. */
export function keptKind(
  retention: Retention | undefined,
  outcome: Outcome,
  metadata: Pairs,
): KeptKind | undefined {
  const keepLast = retention?.keepLast;
  if (keepLast === undefined || !keepLast.outcomes.includes(outcome)) return undefined;
  const { metadataKey, outcomes } = keepLast;
  const value = valueIn(metadata, metadataKey);
  return value === undefined ? undefined : { outcomes: outcomes.join(' '), metadataKey, value };
}

/** Returns the later of two expiries; undefined means never. */
export function laterExpiry(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}

/** Returns true if two retentions are equal. */
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
