/**
 * A bound for the time until which artifacts of an expired session survive. It is lowered when one of them changes or
 * goes.
 */
import type { SessionUid } from '../../domain/ids.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { SessionRecord } from '../../index/records.ts';
import { putSession } from '../rows/session-rows.ts';
import { transact } from '../rows/transaction.ts';

/** The bound of a session with this many versions, or more, stays as it is: looking at them would take too long. */
const lookedAtMax = 2_048;
const recordsTogether = 32;
/** The number of attempts while others change the session. After that the bound stays as it is. */
const attemptsMax = 3;

/**
 * Lowers the bound of an expired session to what its artifacts still require, so that the session ceases to exist when
 * the last of them has gone. Looks at a snapshot, and writes only if the session is still as it was then.
 */
export async function lowerSurvivorBound(index: Index, ns: string, uid: SessionUid): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const seen = await lookAt(index, ns, uid);
    if (seen === undefined || (await lower(index, ns, seen))) return;
  }
}

interface Seen {
  readonly session: SessionRecord;
  /** The latest of the artifacts' own expiries. Undefined if no artifact has one that is still to come. */
  readonly until: number | undefined;
}

/** Returns the session, if its bound is too high. */
async function lookAt(index: Index, ns: string, uid: SessionUid): Promise<Seen | undefined> {
  await using snapshot = index.snapshot();
  const now = index.now();
  const session = await lookUp(snapshot, function* (rows) {
    yield [keys.sessions.record.key(ns, uid)];
    return rows.get(keys.sessions.record, ns, uid);
  });
  const bound = session?.survivesUntil ?? 0;
  if (session === undefined || session.deleteTime !== undefined || bound <= now) return undefined;
  const until = await latestExpiry(snapshot, ns, session, now);
  return until === undefined || until < bound ? { session, until } : undefined;
}

async function latestExpiry(
  reader: Reader,
  ns: string,
  session: SessionRecord,
  now: number,
): Promise<number | undefined> {
  let latest = now;
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
        latest = Math.max(latest, (value && keys.artifacts.record.decode(value).expireTime) ?? 0);
    }
    lookedAt += block.length;
    if (lookedAt >= lookedAtMax) return session.survivesUntil;
  }
  return latest > now ? latest : undefined;
}

/**
 * Returns false if the session has changed since it was seen: every change of its survivors is also a change of the
 * session.
 */
function lower(index: Index, ns: string, { session: seen, until }: Seen): Promise<boolean> {
  const { uid } = seen;
  return transact(index, {
    ns,
    reads: [keys.sessions.record.key(ns, uid)],
    *decide(tx) {
      const session = tx.get(keys.sessions.record, ns, uid);
      if (session === undefined) return true;
      if (session.revision !== seen.revision || session.feed !== seen.feed) return false;
      const { survivesUntil: _bound, ...rest } = session;
      putSession(tx, session, { ...rest, ...(until === undefined ? {} : { survivesUntil: until }) });
      return true;
    },
  });
}
