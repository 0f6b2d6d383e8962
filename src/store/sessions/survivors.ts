/** What may be left of an expired session: a bound, which is lowered when the last of it has gone. */
import type { SessionUid } from '../../domain/ids.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { SessionRecord } from '../../index/records.ts';
import { isOver, isPresent, isThere } from '../rows/session-life.ts';
import { putSession } from '../rows/session-rows.ts';
import { transact } from '../rows/transaction.ts';

/** Of a session with more versions than this the bound stays: nobody waits for a longer look. */
const lookedAtMax = 2_048;
const recordsTogether = 32;
/** Somebody who changes the session all the time keeps its bound as it is. */
const attemptsMax = 3;

/**
 * Lowers the bound of an expired session of which nothing is left, so that it is not there any more. Looks at a
 * snapshot, and writes only if the session is still as it was there.
 */
export async function lowerSurvivorBound(index: Index, ns: string, uid: SessionUid): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const seen = await emptySession(index, ns, uid);
    if (seen === undefined || (await lowerFor(index, ns, seen))) return;
  }
}

/** The session, if it is there by its bound alone. */
async function emptySession(index: Index, ns: string, uid: SessionUid): Promise<SessionRecord | undefined> {
  await using snapshot = index.snapshot();
  const now = index.now();
  const session = await lookUp(snapshot, function* (rows) {
    yield [keys.sessions.record.key(ns, uid)];
    return rows.get(keys.sessions.record, ns, uid);
  });
  if (session === undefined || !isOver(session, now) || !isPresent(session, now)) return undefined;
  if (session.holds > 0 || (await hasSurvivor(snapshot, ns, session, now))) return undefined;
  return session;
}

/** True also for one of too many versions to look at. */
async function hasSurvivor(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  now: number,
): Promise<boolean> {
  let lookedAt = 0;
  for await (const block of reader.scan({
    ...keys.artifacts.version.range(ns, session.uid),
    firstBlock: 64,
  })) {
    for (let at = 0; at < block.length; at += recordsTogether) {
      const wanted = block
        .slice(at, at + recordsTogether)
        .map(([, value]) => keys.artifacts.record.key(ns, keys.artifacts.version.decode(value).id));
      for (const value of await reader.getMany(wanted))
        if (value !== undefined && isThere(keys.artifacts.record.decode(value), session, now)) return true;
    }
    lookedAt += block.length;
    if (lookedAt >= lookedAtMax) return true;
  }
  return false;
}

/** False if the session has changed since it was seen: every change of what is left of it is one of its own. */
function lowerFor(index: Index, ns: string, seen: SessionRecord): Promise<boolean> {
  const { uid } = seen;
  return transact(index, {
    ns,
    reads: [keys.sessions.record.key(ns, uid)],
    *decide(tx) {
      const session = tx.get(keys.sessions.record, ns, uid);
      if (session === undefined) return true;
      if (session.revision !== seen.revision || session.feed !== seen.feed) return false;
      const { survivesUntil: _gone, ...rest } = session;
      putSession(tx, session, { ...rest, leftTime: tx.now });
      return true;
    },
  });
}
