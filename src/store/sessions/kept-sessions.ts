/**
 * The last few sessions of each kind, which do not expire by their retention. One row lists those of a kind in the
 * order of their seals; whoever enters or leaves it does so in the transaction that seals, amends or deletes. Pure.
 */
import { limits } from '../../domain/limits.ts';
import { type KeptKind, keptKind, laterExpiry, policyExpiry } from '../../domain/retention.ts';
import { keys } from '../../index/keys.ts';
import type { KeptSession, SessionRecord } from '../../index/records.ts';
import { putSession } from '../rows/session-rows.ts';
import type { Draft, Rows } from '../rows/transaction.ts';

/** Lists by kind. */
export type KeptLists = Map<KeptKind, readonly KeptSession[]>;

/** The columns of the row that lists a kind. */
export function keptKey(
  ns: string,
  { outcomes, metadataKey, value }: KeptKind,
): [string, string, string, string] {
  return [ns, outcomes, metadataKey, value];
}

/**
 * The session with what its retention makes of it: kept, as one of the last of its kind, or with an expiry. Those that
 * are no longer among the last lose their mark.
 *
 * @param session with its outcome and seal time. @param now milliseconds since the Unix epoch.
 */
export function enterKept(
  rows: Rows,
  draft: Draft,
  ns: string,
  session: SessionRecord,
  now: number,
): SessionRecord {
  const kind = kindOf(session);
  if (kind === undefined) return withExpiry(session, ownExpiry(session));
  const count = session.retention!.keepLast!.count;
  const me = { uid: session.uid, sealTime: session.sealTime! };
  const list = [...without(listOf(rows, ns, kind), session), me].sort(bySeal);
  const kept = list.slice(-count);
  const lost = list.slice(0, -count).filter(({ uid }) => uid !== session.uid);
  putList(draft, ns, kind, kept);
  rows.require(lost.map(({ uid }) => keys.sessions.record.key(ns, uid)));
  for (const { uid } of lost) {
    const other = rows.get(keys.sessions.record, ns, uid);
    if (other?.kept)
      putSession(draft, ns, other, { ...withoutMark(other, now), revision: other.revision + 1 });
  }
  if (!kept.includes(me)) return withoutMark(session, now);
  const { expireTime: _none, reaped: _not, ...rest } = session;
  return { ...rest, kept: true };
}

/** The session without its mark, taken off the list of its kind; nobody comes back in its place. */
export function leaveKept(
  rows: Rows,
  draft: Draft,
  ns: string,
  session: SessionRecord,
  now: number,
): SessionRecord {
  const kind = kindOf(session);
  if (!session.kept || kind === undefined) return session;
  putList(draft, ns, kind, without(listOf(rows, ns, kind), session));
  return withoutMark(session, now);
}

function kindOf({ retention, outcome, metadata }: SessionRecord): KeptKind | undefined {
  return outcome && keptKind(retention, outcome, metadata);
}

function listOf(rows: Rows, ns: string, kind: KeptKind): readonly KeptSession[] {
  return rows.get(keys.sessions.kept, ...keptKey(ns, kind))?.sessions ?? [];
}

function putList(draft: Draft, ns: string, kind: KeptKind, list: readonly KeptSession[]): void {
  if (list.length === 0) draft.del(keys.sessions.kept, ...keptKey(ns, kind));
  else draft.put(keys.sessions.kept, keptKey(ns, kind), { sessions: list });
}

function without(list: readonly KeptSession[], { uid }: SessionRecord): KeptSession[] {
  return list.filter((one) => one.uid !== uid);
}

/** Of two sealed at the same instant the one that was opened first comes first. */
export function bySeal(a: KeptSession, b: KeptSession): number {
  return a.sealTime - b.sealTime || (a.uid < b.uid ? -1 : 1);
}

function ownExpiry({ retention, outcome, sealTime }: SessionRecord): number | undefined {
  return policyExpiry(retention, outcome!, sealTime!);
}

/** It expires as its outcome says, but never sooner than a day from now. */
function withoutMark(session: SessionRecord, now: number): SessionRecord {
  const { kept: _lost, ...rest } = session;
  const expiry = ownExpiry(session);
  return withExpiry(
    rest,
    expiry === undefined ? undefined : laterExpiry(expiry, now + limits.lostMarkHours * 3_600_000),
  );
}

/** The session with that expiry, undefined for never. */
export function withExpiry(session: SessionRecord, expireTime: number | undefined): SessionRecord {
  const { expireTime: _before, reaped: _not, ...rest } = session;
  return expireTime === undefined ? rest : { ...rest, expireTime };
}
