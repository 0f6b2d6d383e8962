/** Finding the session that an id names, for readers. */
import type { SessionUid } from '../../domain/ids.ts';
import { type Principal, seesSession } from '../../domain/principal.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { sessionLost, sessionNotFound } from '../rows/failures.ts';
import { asOf, isOver, isThere, type SessionNow } from '../rows/session-life.ts';
import { recordsReadTogether } from './live.ts';

/** Versions that are looked at for one that survives, before it is taken that one does. */
const lookedAtMax = 2_048;

/**
 * The session that an id names, as it is at `now`; also one that has expired, as long as an artifact of it survives.
 *
 * @throws Failure SESSION_NOT_FOUND; DATA_LOSS.
 */
export async function readSession(
  reader: Reader,
  by: Principal,
  id: string,
  now: number,
): Promise<SessionNow> {
  const uid = seesSession(by, id) ? await uidOf(reader, by.namespace, id) : undefined;
  if (uid === undefined) throw sessionNotFound(id);
  const value = await reader.get(keys.sessions.record.key(by.namespace, uid));
  if (value === undefined) throw sessionLost(id);
  const session = asOf(keys.sessions.record.decode(value), now);
  if (!(await isPresent(reader, by.namespace, session, now))) throw sessionNotFound(id);
  return session;
}

async function uidOf(reader: Reader, ns: string, id: string): Promise<SessionUid | undefined> {
  const value = await reader.get(keys.sessions.name.key(ns, id));
  const name = value && keys.sessions.name.decode(value);
  return name?.goneSince === undefined ? name?.uid : undefined;
}

/** False for one that was deleted, and for one that has expired and of which nothing survives. */
export async function isPresent(
  reader: Reader,
  ns: string,
  session: SessionNow,
  now: number,
): Promise<boolean> {
  if (session.deleteTime !== undefined) return false;
  if (!isOver(session, now)) return true;
  if (session.holds > 0) return true;
  if ((session.survivesUntil ?? 0) <= now) return false;
  let lookedAt = 0;
  for await (const block of reader.scan({
    ...keys.artifacts.version.range(ns, session.uid),
    firstBlock: 64,
  })) {
    for (let at = 0; at < block.length; at += recordsReadTogether) {
      const wanted = block
        .slice(at, at + recordsReadTogether)
        .map(([, value]) => keys.artifacts.record.key(ns, keys.artifacts.version.decode(value).id));
      for (const value of await reader.getMany(wanted))
        if (value !== undefined && isThere(keys.artifacts.record.decode(value), session, now)) return true;
    }
    lookedAt += block.length;
    if (lookedAt >= lookedAtMax) return true;
  }
  return false;
}
