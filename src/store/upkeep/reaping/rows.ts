/** The work of a reaper's transactions: each looks again, by key, at the rows that a scan has found. */
import type { ArtifactId, SessionUid } from '../../../domain/ids.ts';
import type { Asking, Tx } from '../../../index/door.ts';
import { keys } from '../../../index/keys.ts';
import type { ArtifactRecord, SessionRecord } from '../../../index/records.ts';
import { delArtifact } from '../../rows/artifact-rows.ts';
import { detach } from '../../rows/blob-rows.ts';
import { isForgotten } from '../../rows/key-rows.ts';
import { delLink } from '../../rows/link-rows.ts';
import { asOf, freeAgain, isThere } from '../../rows/session-life.ts';
import { delDerivedOfSession, putSession } from '../../rows/session-rows.ts';
import { addUsage, usageKey } from '../../rows/usage.ts';

/** The most artifacts that one transaction removes: these take about a millisecond, for which other work waits. */
export const artifactsTogether = 8;
/** The approximate number of bytes that the removal of an artifact writes. */
export const artifactBytes = 1_024;
/** The approximate number of rows that one transaction writes at most; the rows of one artifact may exceed it. */
const writesMax = 400;

/** The artifacts that a transaction has removed. */
export interface Removed {
  readonly artifacts: number;
  readonly bytes: number;
  /** The number of artifacts that the transaction looked at, of those that it was given. */
  readonly seen: number;
}

/** Returns the keys of the rows that {@link removeArtifacts} reads first. */
export function artifactKeys(ns: string, ids: readonly ArtifactId[]): Uint8Array[] {
  return ids.map((id) => keys.artifacts.record.key(ns, id));
}

/** Removes those of some artifacts that do not exist for any caller any more, according to their records. */
export function* removeArtifacts(tx: Tx, ids: readonly ArtifactId[]): Asking<Removed> {
  yield artifactKeys(tx.ns, ids);
  const records = ids.map((id) => tx.get(keys.artifacts.record, tx.ns, id));
  yield records.flatMap((record) => (record === undefined ? [] : neededFor(tx.ns, record)));
  const removed: ArtifactRecord[] = [];
  let seen = 0;
  for (; seen < ids.length && tx.written.size <= writesMax; seen++) {
    const record = records[seen];
    if (record === undefined || !mayGo(tx, record)) continue;
    yield* removeArtifact(tx, record);
    removed.push(record);
  }
  for (const ofSession of Map.groupBy(removed, ({ uid }) => uid).values()) yield* countOut(tx, ofSession);
  return { artifacts: removed.length, bytes: bytesOf(removed), seen };
}

function neededFor(ns: string, record: ArtifactRecord): Uint8Array[] {
  return [
    keys.artifacts.head.key(ns, record.uid, record.name),
    keys.sessions.record.key(ns, record.uid),
    usageKey(ns, record.session),
    keys.blobs.record.key(ns, record.sha256),
  ];
}

/**
 * Returns true if an artifact may be removed. An artifact that is live at a seal must not go before the manifest is
 * stored.
 */
function mayGo(tx: Tx, record: ArtifactRecord): boolean {
  const session = tx.get(keys.sessions.record, tx.ns, record.uid);
  if (session === undefined) return false;
  const current = asOf(session, tx.now);
  const isSettled = current.state !== 'sealing' && current.lapsed === undefined;
  return (isSettled || session.deleteTime !== undefined) && !isThere(record, current, tx.now);
}

function* removeArtifact(tx: Tx, record: ArtifactRecord): Asking<void> {
  const { ns } = tx;
  const head = tx.get(keys.artifacts.head, ns, record.uid, record.name);
  const isLatest = head?.latest === record.id && !head.deleted;
  delArtifact(tx, record, isLatest);
  if (isLatest)
    tx.put(keys.artifacts.head, [ns, record.uid, record.name], { ...head, deleted: true, reaped: true });
  yield* detach(tx, record.sha256, { kind: 'artifact', id: record.id });
}

/**
 * Subtracts removed artifacts of one session from the session and from the usage, once for all of them: otherwise each
 * artifact would cost as much again.
 */
function* countOut(tx: Tx, removed: readonly ArtifactRecord[]): Asking<void> {
  const { uid, session: id } = removed[0]!;
  const session = tx.get(keys.sessions.record, tx.ns, uid)!;
  putSession(tx, session, without(session, removed));
  yield* addUsage(tx, id, { artifacts: -removed.length, bytes: -bytesOf(removed) });
}

function bytesOf(records: readonly ArtifactRecord[]): number {
  return records.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Returns the session without some artifacts. If the session waited for the last of them, its survivors, the reaper
 * looks at it again.
 */
function without({ reaped, ...session }: SessionRecord, removed: readonly ArtifactRecord[]): SessionRecord {
  const left = session.artifacts - removed.length;
  return {
    ...session,
    ...(reaped && left > 0 ? { reaped } : {}),
    artifacts: left,
    bytes: session.bytes - bytesOf(removed),
    holds: session.holds - removed.filter(({ hold }) => hold).length,
  };
}

/** The rows that remain of a session when its artifacts are gone. */
export interface LeftRows {
  /** The sequences of its events. */
  readonly sequences: readonly number[];
  /** The names of its heads. */
  readonly names: readonly string[];
}

/** Removes rows of the feed and heads of a session that was deleted and has no artifact any more. */
export function* removeLeftRows(tx: Tx, uid: SessionUid, { sequences, names }: LeftRows): Asking<void> {
  yield [keys.sessions.record.key(tx.ns, uid)];
  const session = tx.get(keys.sessions.record, tx.ns, uid);
  if (session?.deleteTime === undefined || session.artifacts > 0) return;
  for (const sequence of sequences) tx.del(keys.artifacts.feed, tx.ns, uid, sequence);
  for (const name of names) tx.del(keys.artifacts.head, tx.ns, uid, name);
}

/** Removes a deleted session of which nothing else is left. Its name keeps its id. */
export function* removeSession(tx: Tx, session: SessionRecord): Asking<void> {
  delDerivedOfSession(tx, session);
  tx.del(keys.sessions.record, tx.ns, session.uid);
  if (session.hasOutputs) tx.del(keys.sessions.outputs, tx.ns, session.uid);
  if (session.manifest !== undefined)
    yield* detach(tx, session.manifest.sha256, { kind: 'manifest', id: session.uid });
  yield* addUsage(tx, session.id, { sessions: -1 });
}

/** The columns of a row of the queue. */
export type Queued = readonly [time: number, ns: string, kind: string, id: string];

/** Removes things that are over and are neither an artifact nor a session. Returns their number. */
export function* removeOthers(tx: Tx, queued: readonly Queued[]): Asking<number> {
  yield queued.flatMap((one) => keyOfOther(one) ?? []);
  return queued.filter((one) => removeOther(tx, one)).length;
}

/**
 * Returns the key of the row that a row of the queue is about. Undefined for kinds that this version does not know:
 * these rows stay.
 */
export function keyOfOther([, ns, kind, id]: Queued): Uint8Array | undefined {
  switch (kind) {
    case 'request':
      return keys.calls.requestId.key(ns, ...requestOf(id));
    case 'token':
      return keys.credentials.tokenUse.key(ns, id);
    case 'link':
      return keys.links.record.key(id);
    case 'key':
      return keys.credentials.apiKey.key(id);
    case 'gone':
      return keys.sessions.name.key(ns, id);
    default:
      return undefined;
  }
}

function requestOf(id: string): [subject: string, requestId: string] {
  const [subject = '', requestId = ''] = id.split('\0');
  return [subject, requestId];
}

function removeOther(tx: Tx, queued: Queued): boolean {
  const [, ns, kind, id] = queued;
  const { now } = tx;
  switch (kind) {
    case 'request': {
      const [subject, requestId] = requestOf(id);
      const record = tx.get(keys.calls.requestId, ns, subject, requestId);
      if (record !== undefined && record.expireTime > now) return false;
      tx.del(keys.calls.requestId, ns, subject, requestId);
      break;
    }
    case 'token': {
      const record = tx.get(keys.credentials.tokenUse, ns, id);
      if (record !== undefined && record.expireTime > now) return false;
      tx.del(keys.credentials.tokenUse, ns, id);
      break;
    }
    case 'link': {
      const link = tx.get(keys.links.record, id);
      if (link !== undefined && link.expireTime > now) return false;
      if (link !== undefined) delLink(tx, id, link);
      break;
    }
    case 'key': {
      const key = tx.get(keys.credentials.apiKey, id);
      if (key !== undefined && !isForgotten(key, now)) return false;
      tx.del(keys.credentials.apiKey, id);
      break;
    }
    case 'gone': {
      const name = tx.get(keys.sessions.name, ns, id);
      if (name?.goneSince !== undefined) {
        if (freeAgain(name.goneSince) > now) return false;
        tx.del(keys.sessions.name, ns, id);
      }
      break;
    }
    default:
      return false;
  }
  tx.del(keys.calls.expiry, ...queued);
  return true;
}
