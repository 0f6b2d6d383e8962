/** What a reaper's transactions do: each looks again, by key, at what a scan has found. Pure. */
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, SessionRecord } from '../../index/records.ts';
import { delArtifact } from '../rows/artifact-rows.ts';
import { detach } from '../rows/blob-rows.ts';
import { isForgotten } from '../rows/key-rows.ts';
import { delLink } from '../rows/link-rows.ts';
import { asOf, freeAgain, isThere } from '../rows/session-life.ts';
import { delDerivedOfSession, putSession } from '../rows/session-rows.ts';
import { type Draft, type Rows, through } from '../rows/transaction.ts';
import { addUsage, usageKey } from '../rows/usage.ts';

/** A transaction removes no more artifacts than this: it takes two milliseconds or so, for which others wait. */
export const artifactsTogether = 16;
/** Nor does it write more rows than about this: those of one artifact more. */
const writesMax = 400;

/** What a transaction has removed of artifacts. */
export interface Removed {
  readonly artifacts: number;
  readonly bytes: number;
  /** Of those it was asked for, those that it came to. */
  readonly seen: number;
}

/** The rows to read for {@link removeArtifacts}; the rest takes another round. */
export function artifactKeys(ns: string, ids: readonly ArtifactId[]): Uint8Array[] {
  return ids.map((id) => keys.artifacts.record.key(ns, id));
}

/** Removes of some artifacts those that are not there for anybody any more, as their records say at `now`. */
export function removeArtifacts(
  rows: Rows,
  draft: Draft,
  ns: string,
  ids: readonly ArtifactId[],
  now: number,
): Removed {
  const records = ids.map((id) => rows.get(keys.artifacts.record, ns, id));
  rows.require(records.flatMap((record) => (record === undefined ? [] : neededFor(ns, record))));
  const current = through(rows, draft);
  let bytes = 0;
  let count = 0;
  for (const [at, record] of records.entries()) {
    if (draft.writes.length > writesMax) return { artifacts: count, bytes, seen: at };
    if (record === undefined || !mayGo(rows, ns, record, now)) continue;
    removeArtifact(current, draft, ns, record, now);
    count++;
    bytes += record.size;
  }
  return { artifacts: count, bytes, seen: ids.length };
}

function neededFor(ns: string, record: ArtifactRecord): Uint8Array[] {
  return [
    keys.artifacts.head.key(ns, record.uid, record.name),
    keys.sessions.record.key(ns, record.uid),
    usageKey(ns, record.session),
    keys.blobs.record.key(ns, record.sha256),
  ];
}

/** What is live at a seal must not go before the manifest is stored. */
function mayGo(rows: Rows, ns: string, record: ArtifactRecord, now: number): boolean {
  const session = rows.get(keys.sessions.record, ns, record.uid);
  if (session === undefined) return false;
  const current = asOf(session, now);
  const isSettled = current.state !== 'sealing' && current.lapsed === undefined;
  return (isSettled || session.deleteTime !== undefined) && !isThere(record, current, now);
}

function removeArtifact(rows: Rows, draft: Draft, ns: string, record: ArtifactRecord, now: number): void {
  const head = rows.get(keys.artifacts.head, ns, record.uid, record.name);
  const isLatest = head?.latest === record.id && !head.deleted;
  delArtifact(draft, ns, record, isLatest);
  if (isLatest)
    draft.put(keys.artifacts.head, [ns, record.uid, record.name], { ...head, deleted: true, reaped: true });
  const session = rows.get(keys.sessions.record, ns, record.uid)!;
  putSession(draft, ns, session, withoutOne(session, record));
  addUsage(rows, draft, ns, record.session, { artifacts: -1, bytes: -record.size });
  detach(rows, draft, ns, record.sha256, { kind: 'artifact', id: record.id }, now);
}

/** A session that waited for this one, the last that survived it, is looked after again. */
function withoutOne({ reaped, ...session }: SessionRecord, record: ArtifactRecord): SessionRecord {
  const left = session.artifacts - 1;
  return {
    ...session,
    ...(reaped && left > 0 ? { reaped } : {}),
    artifacts: left,
    bytes: session.bytes - record.size,
    holds: session.holds - (record.hold ? 1 : 0),
  };
}

/** The rows that a session leaves behind when its artifacts are gone. */
export interface LeftRows {
  /** Numbers of its feed. */
  readonly feed: readonly number[];
  /** Names of its heads. */
  readonly names: readonly string[];
}

/** Removes rows of the feed and heads of a session that was deleted and has no artifact any more. */
export function removeLeftRows(
  rows: Rows,
  draft: Draft,
  ns: string,
  uid: SessionUid,
  { feed, names }: LeftRows,
): void {
  const session = rows.get(keys.sessions.record, ns, uid);
  if (session?.deleteTime === undefined || session.artifacts > 0) return;
  for (const number of feed) draft.del(keys.artifacts.feed, ns, uid, number);
  for (const name of names) draft.del(keys.artifacts.head, ns, uid, name);
}

/** Removes a deleted session of which nothing else is left. Its name keeps its id. */
export function removeSession(
  rows: Rows,
  draft: Draft,
  ns: string,
  session: SessionRecord,
  now: number,
): void {
  delDerivedOfSession(draft, ns, session);
  draft.del(keys.sessions.record, ns, session.uid);
  if (session.hasOutputs) draft.del(keys.sessions.outputs, ns, session.uid);
  if (session.manifest !== undefined)
    detach(rows, draft, ns, session.manifest.sha256, { kind: 'manifest', id: session.uid }, now);
  addUsage(rows, draft, ns, session.id, { sessions: -1 });
}

/** A row of the queue, taken apart. */
export type Queued = readonly [time: number, ns: string, kind: string, id: string];

/** Removes what is neither an artifact nor a session and is over. Returns how many. */
export function removeOthers(rows: Rows, draft: Draft, queued: readonly Queued[], now: number): number {
  let count = 0;
  for (const one of queued) if (removeOther(rows, draft, one, now)) count++;
  return count;
}

/** The row that a row of the queue is about; undefined for kinds that this version does not know: these stay. */
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

function removeOther(rows: Rows, draft: Draft, queued: Queued, now: number): boolean {
  const [, ns, kind, id] = queued;
  switch (kind) {
    case 'request': {
      const [subject, requestId] = requestOf(id);
      const record = rows.get(keys.calls.requestId, ns, subject, requestId);
      if (record !== undefined && record.expireTime > now) return false;
      draft.del(keys.calls.requestId, ns, subject, requestId);
      break;
    }
    case 'token': {
      const record = rows.get(keys.credentials.tokenUse, ns, id);
      if (record !== undefined && record.expireTime > now) return false;
      draft.del(keys.credentials.tokenUse, ns, id);
      break;
    }
    case 'link': {
      const link = rows.get(keys.links.record, id);
      if (link !== undefined && link.expireTime > now) return false;
      if (link !== undefined) delLink(draft, id, link);
      break;
    }
    case 'key': {
      const key = rows.get(keys.credentials.apiKey, id);
      if (key !== undefined && !isForgotten(key, now)) return false;
      draft.del(keys.credentials.apiKey, id);
      break;
    }
    case 'gone': {
      const name = rows.get(keys.sessions.name, ns, id);
      if (name?.goneSince !== undefined) {
        if (freeAgain(name.goneSince) > now) return false;
        draft.del(keys.sessions.name, ns, id);
      }
      break;
    }
    default:
      return false;
  }
  draft.del(keys.calls.expiry, ...queued);
  return true;
}
