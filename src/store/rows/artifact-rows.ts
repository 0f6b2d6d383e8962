/**
 * The rows that an artifact consists of, written and removed together: its record and the families that find it.
 * Pure, like everything that runs inside a `decide`.
 */
import type { Artifact } from '../../domain/artifact.ts';
import { effectiveExpiry, type SessionFacts } from '../../domain/expiry.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord } from '../../index/records.ts';
import { etagOf } from './failures.ts';
import { isThere, type SessionNow } from './session-life.ts';
import type { Draft, Rows } from './transaction.ts';

/** Rows that find the latest version of a name. */
export function putLatest(draft: Draft, ns: string, record: ArtifactRecord): void {
  draft.put(keys.latest.byTime, [ns, record.id], true);
  draft.put(keys.latest.bySession, [ns, record.uid, record.id], true);
  draft.put(keys.latest.byName, [ns, record.name, record.id], true);
  draft.put(keys.latest.byType, [ns, record.contentType, record.id], true);
  for (const [key, value] of record.metadata)
    draft.put(keys.latest.byMetadata, [ns, key, value, record.id], true);
  for (const [key, value] of record.labels) draft.put(keys.latest.byLabel, [ns, key, value, record.id], true);
}

/** The reverse of {@link putLatest}. */
export function delLatest(draft: Draft, ns: string, record: ArtifactRecord): void {
  draft.del(keys.latest.byTime, ns, record.id);
  draft.del(keys.latest.bySession, ns, record.uid, record.id);
  draft.del(keys.latest.byName, ns, record.name, record.id);
  draft.del(keys.latest.byType, ns, record.contentType, record.id);
  for (const [key, value] of record.metadata) draft.del(keys.latest.byMetadata, ns, key, value, record.id);
  for (const [key, value] of record.labels) draft.del(keys.latest.byLabel, ns, key, value, record.id);
}

/** Queues an artifact at its own expiry; without one (also while it is held) it is in no queue. */
export function putExpiry(draft: Draft, ns: string, record: ArtifactRecord): void {
  const { expireTime } = effectiveExpiry(record, undefined);
  if (expireTime !== undefined) draft.put(keys.calls.expiry, [expireTime, ns, 'artifact', record.id], true);
}

/** The reverse of {@link putExpiry}. */
export function delExpiry(draft: Draft, ns: string, record: ArtifactRecord): void {
  const { expireTime } = effectiveExpiry(record, undefined);
  if (expireTime !== undefined) draft.del(keys.calls.expiry, expireTime, ns, 'artifact', record.id);
}

/** Everything a new artifact adds, but for its content, its session, its head and the usage. */
export function putArtifact(draft: Draft, ns: string, record: ArtifactRecord): void {
  draft.put(keys.artifacts.record, [ns, record.id], record);
  putDerived(draft, ns, record);
  putLatest(draft, ns, record);
}

/** What is derived from an artifact's record whether or not it is the latest version. */
export function putDerived(draft: Draft, ns: string, record: ArtifactRecord): void {
  draft.put(keys.artifacts.version, [ns, record.uid, record.name, record.version], { id: record.id });
  draft.put(keys.artifacts.feed, [ns, record.uid, record.feed], { kind: 'committed', id: record.id });
  for (const input of record.inputs) {
    draft.put(keys.lineage.inputs, [ns, record.id, input], true);
    draft.put(keys.lineage.derived, [ns, input, record.id], true);
  }
  putExpiry(draft, ns, record);
}

/** The reverse. What was derived from it keeps its rows and shows it as gone. */
export function delArtifact(draft: Draft, ns: string, record: ArtifactRecord, isLatest: boolean): void {
  draft.del(keys.artifacts.record, ns, record.id);
  draft.del(keys.artifacts.version, ns, record.uid, record.name, record.version);
  for (const input of record.inputs) {
    draft.del(keys.lineage.inputs, ns, record.id, input);
    draft.del(keys.lineage.derived, ns, input, record.id);
  }
  if (isLatest) delLatest(draft, ns, record);
  delExpiry(draft, ns, record);
}

/** The record of a live artifact of this head, or undefined if it is deleted, expired or there was none. */
export function liveLatest(
  rows: Rows,
  ns: string,
  head: HeadRecord | undefined,
  session: SessionNow | undefined,
  now: number,
): ArtifactRecord | undefined {
  const record = latestRecord(rows, ns, head);
  return record !== undefined && isThere(record, session, now) ? record : undefined;
}

/** The record of the latest version as long as it is there, expired or not. */
export function latestRecord(
  rows: Rows,
  ns: string,
  head: HeadRecord | undefined,
): ArtifactRecord | undefined {
  if (head === undefined || head.deleted) return undefined;
  return rows.get(keys.artifacts.record, ns, head.latest);
}

/** What the record says to a caller. @param session as it is now; undefined if it is lost. */
export function toArtifact(
  record: ArtifactRecord,
  isLatest: boolean,
  session: SessionFacts | undefined,
): Artifact {
  const { expireTime, source } = effectiveExpiry(record, session);
  return {
    id: record.id,
    session: record.session,
    name: record.name,
    version: record.version,
    sha256: record.sha256,
    sizeBytes: record.size,
    contentType: record.contentType,
    metadata: record.metadata,
    inherited: record.inherited,
    labels: record.labels,
    inputs: record.inputs,
    createTime: record.createTime,
    ...(expireTime === undefined ? {} : { expireTime }),
    expirySource: source,
    hold: record.hold,
    sequence: record.feed,
    latest: isLatest,
    etag: etagOf(record),
  };
}
