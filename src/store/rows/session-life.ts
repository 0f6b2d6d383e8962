/**
 * What a session is at an instant: its record says when it ends, and nothing needs to have been written for that to be
 * so. Pure, like everything that runs inside a decision.
 */
import { Failure } from '../../domain/errors.ts';
import { type ExpiryFacts, isExpired } from '../../domain/expiry.ts';
import { limits } from '../../domain/limits.ts';
import { keptKind, policyExpiry } from '../../domain/retention.ts';
import type { SessionNameRecord, SessionRecord } from '../../index/records.ts';

/** A record as it is at an instant. */
export interface SessionNow extends SessionRecord {
  /** Its lease has lapsed, and nobody has written down yet that it is sealed: it has no manifest. */
  readonly lapsed?: true;
}

/** The record as it is at `now`, in milliseconds since the Unix epoch. */
export function asOf(record: SessionRecord, now: number): SessionNow {
  if (!hasLapsed(record, now)) return record;
  const sealTime = record.lease!.expireTime;
  return {
    ...withOutcome(record, 'abandoned', sealTime),
    state: 'sealed',
    updateTime: sealTime,
    lapsed: true,
  };
}

/** True if the lease of an open session has ended. */
export function hasLapsed({ state, lease, deleteTime }: SessionRecord, now: number): boolean {
  return state === 'open' && lease !== undefined && lease.expireTime <= now && deleteTime === undefined;
}

/** With the expiry that its own policy gives it; one that is to be kept has none. */
function withOutcome(
  record: SessionRecord,
  outcome: NonNullable<SessionRecord['outcome']>,
  sealTime: number,
): SessionRecord {
  const { expireTime: _before, ...rest } = record;
  const isKept = keptKind(record.retention, outcome, record.metadata) !== undefined;
  const expireTime = isKept ? undefined : policyExpiry(record.retention, outcome, sealTime);
  return { ...rest, outcome, sealTime, ...(expireTime === undefined ? {} : { expireTime }) };
}

/** True if it was deleted or has expired; of one that has expired some artifacts may survive. */
export function isOver({ deleteTime, expireTime }: SessionRecord, now: number): boolean {
  return deleteTime !== undefined || (expireTime !== undefined && expireTime <= now);
}

/**
 * True for one of which something may be there: it is not over, or it has expired and an artifact of it is held, or had
 * an expiry of its own that has not come. That is a bound: what would outlast it may have been deleted.
 */
export function isPresent(session: SessionRecord, now: number): boolean {
  if (session.deleteTime !== undefined) return false;
  return !isOver(session, now) || session.holds > 0 || (session.survivesUntil ?? 0) > now;
}

/**
 * Since when nothing of an expired session is there, as far as its record tells: not earlier than it was so.
 * Infinity while something is held.
 */
export function emptySince({ holds, expireTime, survivesUntil, leftTime }: SessionRecord): number {
  if (holds > 0) return Number.POSITIVE_INFINITY;
  return Math.max(expireTime ?? 0, survivesUntil ?? 0, leftTime ?? 0);
}

/** When an id that is taken since `goneSince` is free again. */
export function freeAgain(goneSince: number): number {
  return goneSince + limits.goneIdDays * 24 * 3_600_000;
}

/** True if the session that an id names is gone for so long that another may be opened under it. */
export function isIdFree(
  { goneSince }: SessionNameRecord,
  record: SessionRecord | undefined,
  now: number,
): boolean {
  if (goneSince !== undefined) return freeAgain(goneSince) <= now;
  if (record === undefined) return false;
  const session = asOf(record, now);
  return isOver(session, now) && freeAgain(emptySince(session)) <= now;
}

/** When somebody has to look after it: its lapse, its end, its deletion. Undefined: never, as things are. */
export function dueTime(record: SessionRecord): number | undefined {
  const { state, lease, expireTime, deleteTime, reaped, artifacts, survivesUntil } = record;
  if (deleteTime !== undefined) return deleteTime;
  if (state === 'open') return lease?.expireTime;
  if (!reaped) return expireTime;
  // What survives is queued itself; where nothing does any more the bound alone keeps the session.
  return artifacts === 0 ? survivesUntil : undefined;
}

/**
 * A transaction met a session whose lease has lapsed: that has to be written down first. Whoever does not do so says
 * what it is: SEAL_PENDING.
 */
export class SessionLapsed extends Failure {
  readonly uid: SessionRecord['uid'];

  constructor({ id, uid }: SessionRecord) {
    super('SEAL_PENDING', `the lease of session ${id} has lapsed; it is being sealed`, {
      metadata: { session: id },
      retryAfterMs: 200,
    });
    this.uid = uid;
  }
}

/** True for an artifact that is there: neither it nor its session was deleted, and its expiry has not come. */
export function isThere(artifact: ExpiryFacts, session: SessionRecord | undefined, now: number): boolean {
  return session?.deleteTime === undefined && !isExpired(artifact, session, now);
}
