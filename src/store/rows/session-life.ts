/**
 * The state of a session at an instant. Its record says when it ends; the end is true without a further write. Pure,
 * like everything that runs inside a decision.
 */
import { Failure } from '../../domain/errors.ts';
import { type ExpiryFacts, isExpired } from '../../domain/expiry.ts';
import { limits } from '../../domain/limits.ts';
import { keptKind, policyExpiry } from '../../domain/retention.ts';
import type { SessionNameRecord, SessionRecord } from '../../index/records.ts';

/** The record of a session as it is at an instant. */
export interface SessionNow extends SessionRecord {
  /** The lease of the session has lapsed, and no transaction has written its seal down yet: it has no manifest. */
  readonly lapsed?: true;
}

/** Returns the record as it is at `now`, in milliseconds since the Unix epoch. */
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

/** Returns true if the lease of an open session has ended. */
export function hasLapsed({ state, lease, deleteTime }: SessionRecord, now: number): boolean {
  return state === 'open' && lease !== undefined && lease.expireTime <= now && deleteTime === undefined;
}

/** Returns the record with the expiry that its own policy gives it; a session that is to be kept has none. */
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

/** Returns true if the session was deleted or has expired. Some artifacts of an expired session may survive. */
export function isOver({ deleteTime, expireTime }: SessionRecord, now: number): boolean {
  return deleteTime !== undefined || (expireTime !== undefined && expireTime <= now);
}

/**
 * Returns true for a session that may still contain something. That is so if it is not over. It is also so if it has
 * expired and an artifact of it is held, or had an expiry of its own that has not come. This is a bound: the artifacts
 * that would outlast the session may have been deleted.
 */
export function isPresent(session: SessionRecord, now: number): boolean {
  if (session.deleteTime !== undefined) return false;
  return !isOver(session, now) || session.holds > 0 || (session.survivesUntil ?? 0) > now;
}

/**
 * Returns the time since when an expired session is empty, according to its record. The true time may be earlier, but
 * not later. Infinity while something is held.
 */
export function emptySince({ holds, expireTime, survivesUntil, leftTime }: SessionRecord): number {
  if (holds > 0) return Number.POSITIVE_INFINITY;
  return Math.max(expireTime ?? 0, survivesUntil ?? 0, leftTime ?? 0);
}

/** Returns the time when an id that is taken since `goneSince` is free again. */
export function freeAgain(goneSince: number): number {
  return goneSince + limits.goneIdDays * 24 * 3_600_000;
}

/** Returns true if the session that an id names is gone for so long that another session may be opened under the id. */
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

/**
 * Returns the time when the reaper has to look at the session: its lapse, its end, its deletion. Undefined: never,
 * unless the record changes.
 */
export function dueTime(record: SessionRecord): number | undefined {
  const { state, lease, expireTime, deleteTime, reaped, artifacts, survivesUntil } = record;
  if (deleteTime !== undefined) return deleteTime;
  if (state === 'open') return lease?.expireTime;
  if (!reaped) return expireTime;
  // Survivors are queued themselves; if none is left, the bound alone keeps the session.
  return artifacts === 0 ? survivesUntil : undefined;
}

/**
 * Thrown when a transaction meets a session whose lease has lapsed: the lapse has to be written down first. If it is
 * not, the caller gets this failure: SEAL_PENDING.
 */
export class SessionLapsed extends Failure {
  readonly uid: SessionRecord['uid'];

  constructor({ id, uid }: SessionRecord) {
    super('SEAL_PENDING', `the lease of session ${id} has lapsed; the session is being sealed`, {
      metadata: { session: id },
      retryAfterMs: 200,
    });
    this.uid = uid;
  }
}

/**
 * Returns true for an artifact that exists: neither the artifact nor its session was deleted, and its expiry has not
 * come.
 */
export function isThere(artifact: ExpiryFacts, session: SessionRecord | undefined, now: number): boolean {
  return session?.deleteTime === undefined && !isExpired(artifact, session, now);
}
