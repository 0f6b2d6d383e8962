/**
 * The look-up of the session that an id names. It is written once: readers run it over a snapshot, transactions inside
 * their decision, and both find the same.
 */
import { type Principal, seesSession } from '../../domain/principal.ts';
import type { Asking, CachedReader, Rows } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { SessionRecord } from '../../index/records.ts';
import { sessionGone, sessionLost, sessionNotFound } from '../rows/failures.ts';
import {
  asOf,
  hasLapsed,
  isIdFree,
  isOver,
  isPresent,
  SessionLapsed,
  type SessionNow,
} from '../rows/session-life.ts';

/**
 * Returns the session that exists under an id, as its record is written; also an expired session, as long as it may
 * have survivors.
 *
 * @throws Failure SESSION_NOT_FOUND; DATA_LOSS.
 */
export function* presentSession(rows: Rows, by: Principal, id: string, now: number): Asking<SessionRecord> {
  if (!seesSession(by, id)) throw sessionNotFound(id);
  const ns = by.namespace;
  yield [keys.sessions.name.key(ns, id)];
  const name = rows.get(keys.sessions.name, ns, id);
  if (name === undefined || name.goneSince !== undefined) throw sessionNotFound(id);
  yield [keys.sessions.record.key(ns, name.uid)];
  const record = rows.get(keys.sessions.record, ns, name.uid);
  if (record === undefined) throw sessionLost(id);
  if (!isPresent(asOf(record, now), now)) throw sessionNotFound(id);
  return record;
}

/**
 * The same look-up for a change of the session: a lapse has to be written down first. @throws {@link SessionLapsed}.
 */
export function* changeableSession(
  rows: Rows,
  by: Principal,
  id: string,
  now: number,
): Asking<SessionRecord> {
  const record = yield* presentSession(rows, by, id, now);
  if (hasLapsed(record, now)) throw new SessionLapsed(record);
  return record;
}

/**
 * Returns the session that takes, or has taken, the pushes under an id. Undefined if the id is free.
 *
 * @throws Failure SESSION_GONE for a session that was deleted or has expired; DATA_LOSS; {@link SessionLapsed}.
 */
export function* takingSession(
  rows: Rows,
  ns: string,
  id: string,
  now: number,
): Asking<SessionRecord | undefined> {
  yield [keys.sessions.name.key(ns, id)];
  const name = rows.get(keys.sessions.name, ns, id);
  if (name === undefined) return undefined;
  if (name.goneSince === undefined) yield [keys.sessions.record.key(ns, name.uid)];
  const record = name.goneSince === undefined ? rows.get(keys.sessions.record, ns, name.uid) : undefined;
  if (isIdFree(name, record, now)) return undefined;
  if (name.goneSince !== undefined) throw sessionGone(id);
  if (record === undefined) throw sessionLost(id);
  if (isOver(asOf(record, now), now)) throw sessionGone(id);
  if (hasLapsed(record, now)) throw new SessionLapsed(record);
  return record;
}

/** Returns the session of {@link presentSession} as it is now. */
export async function readSession(
  { cached }: CachedReader,
  by: Principal,
  id: string,
  now: number,
): Promise<SessionNow> {
  return asOf(await lookUp(cached, (rows) => presentSession(rows, by, id, now)), now);
}
