/**
 * The last few sessions of each kind, which do not expire by their retention. One row lists those of a kind in the
 * order of their seals. A session enters or leaves the list in the transaction that seals, amends or deletes it. Pure.
 */
import { limits } from '../../domain/limits.ts';
import { type KeptKind, keptKind, laterExpiry, policyExpiry } from '../../domain/retention.ts';
import type { Asking, Tx, Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { KeptSession, SessionRecord } from '../../index/records.ts';
import { putSession } from '../rows/session-rows.ts';

/** The lists, by kind. */
export type KeptLists = Map<KeptKind, readonly KeptSession[]>;

/** Returns the columns of the row that lists a kind. */
export function keptKey(
  ns: string,
  { outcomes, metadataKey, value }: KeptKind,
): [string, string, string, string] {
  return [ns, outcomes, metadataKey, value];
}

/** The result when a session enters a list. */
export interface Entered {
  readonly session: SessionRecord;
  /** The sessions that are no longer among the last few, before and after. */
  readonly displaced: readonly { readonly before: SessionRecord; readonly after: SessionRecord }[];
}

/**
 * Applies its retention to a session: it is kept, as one of the last of its kind, or gets an expiry. Sessions that are
 * no longer among the last lose their mark.
 *
 * @param session with its outcome and seal time.
 */
export function* enterKept(tx: Tx, session: SessionRecord): Asking<Entered> {
  const kind = kindOf(session);
  if (kind === undefined) return { session: withExpiry(session, ownExpiry(session)), displaced: [] };
  const count = session.retention!.keepLast!.count;
  const me = { uid: session.uid, sealTime: session.sealTime! };
  const list = [...without(yield* listOf(tx, kind), session), me].sort(bySeal);
  const kept = list.slice(-count);
  const lost = list.slice(0, -count).filter(({ uid }) => uid !== session.uid);
  putList(tx, kind, kept);
  yield lost.map(({ uid }) => keys.sessions.record.key(tx.ns, uid));
  const displaced = lost.flatMap(({ uid }) => {
    const before = tx.get(keys.sessions.record, tx.ns, uid);
    if (!before?.kept) return [];
    const after = { ...withoutMark(before, tx.now), revision: before.revision + 1 };
    putSession(tx, before, after);
    return [{ before, after }];
  });
  if (!kept.includes(me)) return { session: withoutMark(session, tx.now), displaced };
  const { expireTime: _none, reaped: _not, ...rest } = session;
  return { session: { ...rest, kept: true }, displaced };
}

/**
 * Returns the session without its mark, and takes it off the list of its kind. No other session comes back in its
 * place.
 */
export function* leaveKept(tx: Tx, session: SessionRecord): Asking<SessionRecord> {
  const kind = kindOf(session);
  if (!session.kept || kind === undefined) return session;
  putList(tx, kind, without(yield* listOf(tx, kind), session));
  return withoutMark(session, tx.now);
}

function kindOf({ retention, outcome, metadata }: SessionRecord): KeptKind | undefined {
  return outcome && keptKind(retention, outcome, metadata);
}

function* listOf(tx: Tx, kind: KeptKind): Asking<readonly KeptSession[]> {
  yield [keys.sessions.kept.key(...keptKey(tx.ns, kind))];
  return tx.get(keys.sessions.kept, ...keptKey(tx.ns, kind))?.sessions ?? [];
}

function putList(tx: Writer, kind: KeptKind, list: readonly KeptSession[]): void {
  if (list.length === 0) tx.del(keys.sessions.kept, ...keptKey(tx.ns, kind));
  else tx.put(keys.sessions.kept, keptKey(tx.ns, kind), { sessions: list });
}

function without(list: readonly KeptSession[], { uid }: SessionRecord): KeptSession[] {
  return list.filter((one) => one.uid !== uid);
}

/** Compares by seal time. Of two sessions sealed at the same instant, the one that was opened first comes first. */
export function bySeal(a: KeptSession, b: KeptSession): number {
  return a.sealTime - b.sealTime || (a.uid < b.uid ? -1 : 1);
}

function ownExpiry({ retention, outcome, sealTime }: SessionRecord): number | undefined {
  return policyExpiry(retention, outcome!, sealTime!);
}

/** Returns the session with the expiry that follows from its outcome, but never sooner than a day from now. */
function withoutMark(session: SessionRecord, now: number): SessionRecord {
  const { kept: _lost, ...rest } = session;
  const expiry = ownExpiry(session);
  return withExpiry(
    rest,
    expiry === undefined ? undefined : laterExpiry(expiry, now + limits.lostMarkHours * 3_600_000),
  );
}

/** Returns the session with that expiry; undefined for never. */
export function withExpiry(session: SessionRecord, expireTime: number | undefined): SessionRecord {
  const { expireTime: _before, reaped: _not, ...rest } = session;
  return expireTime === undefined ? rest : { ...rest, expireTime };
}
