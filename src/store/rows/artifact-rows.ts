/**
 * The rows that an artifact consists of, written and removed together: its record and the families that find it.
 * Pure, like everything that runs inside a decision.
 */
import type { Artifact } from '../../domain/artifact.ts';
import { mediaTypeOf } from '../../domain/content-type.ts';
import { type ExpirySource, effectiveExpiry, type SessionFacts } from '../../domain/expiry.ts';
import type { Asking, Rows, Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord } from '../../index/records.ts';
import { facts, type Signature, signatureOf } from '../../index/signature.ts';
import { etagOf } from './failures.ts';
import { isThere, type SessionNow } from './session-life.ts';

/** Returns the signature of an artifact: it has the facts that never change. */
export function signatureOfArtifact(record: ArtifactRecord): Signature {
  return signatureOf([
    ...record.metadata.map(([key, value]) => facts.metadata(key, value)),
    facts.type(mediaTypeOf(record.contentType)),
    facts.name(record.name),
    facts.session(record.session),
  ]);
}

/** Puts the rows that find the latest version of a name. */
export function putLatest(tx: Writer, record: ArtifactRecord): void {
  const signature = signatureOfArtifact(record);
  tx.put(keys.latest.byTime, [tx.ns, record.id], signature);
  tx.put(keys.latest.bySession, [tx.ns, record.uid, record.id], signature);
  tx.put(keys.latest.byName, [tx.ns, record.name, record.id], signature);
  tx.put(keys.latest.byType, [tx.ns, mediaTypeOf(record.contentType), record.id], signature);
  for (const [key, value] of record.metadata)
    tx.put(keys.latest.byMetadata, [tx.ns, key, value, record.id], signature);
  for (const [key, value] of record.labels)
    tx.put(keys.latest.byLabel, [tx.ns, key, value, record.id], signature);
}

/**
 * The reverse of {@link putLatest}. Earlier versions wrote the type with its parameters, so the row with them is deleted
 * too: the work at the start may not have come to it, or such a version may have opened the store once more since.
 */
export function delLatest(tx: Writer, record: ArtifactRecord): void {
  tx.del(keys.latest.byTime, tx.ns, record.id);
  tx.del(keys.latest.bySession, tx.ns, record.uid, record.id);
  tx.del(keys.latest.byName, tx.ns, record.name, record.id);
  for (const type of new Set([mediaTypeOf(record.contentType), record.contentType]))
    tx.del(keys.latest.byType, tx.ns, type, record.id);
  for (const [key, value] of record.metadata) tx.del(keys.latest.byMetadata, tx.ns, key, value, record.id);
  for (const [key, value] of record.labels) tx.del(keys.latest.byLabel, tx.ns, key, value, record.id);
}

/** Queues an artifact at its own expiry. Without one, also while it is held, the artifact is in no queue. */
export function putExpiry(tx: Writer, record: ArtifactRecord): void {
  const { expireTime } = effectiveExpiry(record, undefined);
  if (expireTime !== undefined) tx.put(keys.calls.expiry, [expireTime, tx.ns, 'artifact', record.id], true);
}

/** The reverse of {@link putExpiry}. */
export function delExpiry(tx: Writer, record: ArtifactRecord): void {
  const { expireTime } = effectiveExpiry(record, undefined);
  if (expireTime !== undefined) tx.del(keys.calls.expiry, expireTime, tx.ns, 'artifact', record.id);
}

/** Puts all rows of a new artifact, except those of its content, its session, its head and the usage. */
export function putArtifact(tx: Writer, record: ArtifactRecord): void {
  tx.put(keys.artifacts.record, [tx.ns, record.id], record);
  putDerived(tx, record);
  putLatest(tx, record);
}

/** Puts the rows that are derived from an artifact's record whether or not it is the latest version. */
export function putDerived(tx: Writer, record: ArtifactRecord): void {
  tx.put(keys.artifacts.version, [tx.ns, record.uid, record.name, record.version], { id: record.id });
  tx.put(keys.artifacts.feed, [tx.ns, record.uid, record.feed], { kind: 'committed', id: record.id });
  for (const input of record.inputs) {
    tx.put(keys.lineage.inputs, [tx.ns, record.id, input], true);
    tx.put(keys.lineage.derived, [tx.ns, input, record.id], true);
  }
  putExpiry(tx, record);
}

/** The reverse of {@link putArtifact}. Artifacts that were derived from it keep their rows and show it as gone. */
export function delArtifact(tx: Writer, record: ArtifactRecord, isLatest: boolean): void {
  tx.del(keys.artifacts.record, tx.ns, record.id);
  tx.del(keys.artifacts.version, tx.ns, record.uid, record.name, record.version);
  for (const input of record.inputs) {
    tx.del(keys.lineage.inputs, tx.ns, record.id, input);
    tx.del(keys.lineage.derived, tx.ns, input, record.id);
  }
  if (isLatest) delLatest(tx, record);
  delExpiry(tx, record);
}

/**
 * Returns the record of a live artifact of this head. Undefined if it is deleted or expired, or if none ever existed.
 */
export function* liveLatest(
  rows: Rows,
  ns: string,
  head: HeadRecord | undefined,
  session: SessionNow | undefined,
  now: number,
): Asking<ArtifactRecord | undefined> {
  const record = yield* latestRecord(rows, ns, head);
  return record !== undefined && isThere(record, session, now) ? record : undefined;
}

/** Returns the record of the latest version as long as it exists, expired or not. */
export function* latestRecord(
  rows: Rows,
  ns: string,
  head: HeadRecord | undefined,
): Asking<ArtifactRecord | undefined> {
  if (head === undefined || head.deleted) return undefined;
  yield [keys.artifacts.record.key(ns, head.latest)];
  return rows.get(keys.artifacts.record, ns, head.latest);
}

/** The artifacts of records in memory, as they were shown last. */
const shown = new WeakMap<ArtifactRecord, Artifact>();

/**
 * Returns the artifact that the record describes, for a caller. That of a record in memory is frozen, and made again only
 * if it would differ.
 *
 * @param session as it is now; undefined if it is lost.
 */
export function toArtifact(
  record: ArtifactRecord,
  isLatest: boolean,
  session: SessionFacts | undefined,
): Artifact {
  const { expireTime, source } = effectiveExpiry(record, session);
  if (!Object.isFrozen(record)) return made(record, isLatest, expireTime, source);
  const before = shown.get(record);
  if (before?.latest === isLatest && before.expireTime === expireTime && before.expirySource === source)
    return before;
  const artifact = Object.freeze(made(record, isLatest, expireTime, source));
  shown.set(record, artifact);
  return artifact;
}

function made(
  record: ArtifactRecord,
  isLatest: boolean,
  expireTime: number | undefined,
  source: ExpirySource,
): Artifact {
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
