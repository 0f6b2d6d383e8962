/**
 * The rows that say where a content is and which artifacts and manifests reference it. Pure, like everything that runs
 * inside a decision. A blob lives while its count of references is above zero. At zero it is queued for collection;
 * this file never removes it.
 */
import { Buffer } from 'node:buffer';
import { blockBytes } from '../../blobs/blob-store.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { beginningOf } from '../../domain/text.ts';
import type { Asking, Rows, Tx, Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord, QuarantineRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import type { Content } from './content.ts';

/** A thing that references a content. */
export interface Referrer {
  readonly kind: 'artifact' | 'manifest';
  readonly id: string;
}

/** Bytes of CRCs in one index row: 1,024 blocks of 4 bytes. */
export const crcRowBytes = 4096;

/** The time for which a condemned name stays readable, for downloads that began before. */
export const readGraceMs = 3_600_000;

/**
 * A file that was made durable longer ago than this is not referenced any more. One day after it was made durable, it
 * may be condemned as an orphan; one hour later, nothing is left that would say so. The uploader has given up long
 * before.
 */
const publishedMsMax = 12 * 3_600_000;

/** The time from the begin of an upload by a client to the first removal of what was not finished. */
const awaitedMs = publishedMsMax + readGraceMs;
/** The time to the last removal. The URL of the upload is good for a week. */
const awaitedMsMax = 8 * 24 * 3_600_000;

/** Thrown out of a decision when the namespace had the content a moment ago, has it no more, and it was not published. */
export class ContentVanished extends Error {}

/** Returns the keys of the rows that {@link attach}, {@link attachStored} and {@link discardCopy} look at. */
export function blobReads(
  ns: string,
  content: Content | { readonly kind: 'stored'; readonly sha256: Sha256 },
): Key[] {
  const wanted = [keys.blobs.record.key(ns, content.sha256)];
  if (content.kind === 'blob') wanted.push(keys.blobs.physicalName.key(ns, content.name));
  return wanted;
}

/** Returns the key of the row that has the bytes of an inline content. */
export function bytesKey(ns: string, sha256: Sha256, { bytesTime }: Pick<BlobRecord, 'bytesTime'>): Key {
  return bytesTime === undefined
    ? keys.blobs.bytes.key(ns, sha256)
    : keys.blobs.bytesByTime.key(bytesTime, ns, sha256);
}

/**
 * Adds a reference to `content`, and stores its rows unless the namespace already has it.
 *
 * @returns true if the namespace already had it.
 */
export function* attach(tx: Tx, content: Content, by: Referrer): Asking<boolean> {
  const { sha256 } = content;
  yield blobReads(tx.ns, content);
  const stored = tx.get(keys.blobs.record, tx.ns, sha256);
  tx.put(keys.blobs.reference, [tx.ns, sha256, by.kind, by.id], true);
  if (stored !== undefined && (yield* stays(tx, stored, content))) {
    tx.put(keys.blobs.record, [tx.ns, sha256], { ...stored, refs: stored.refs + 1 });
    yield* discardCopy(tx, content);
    return true;
  }
  putContent(tx, content, stored, (stored?.refs ?? 0) + 1);
  return stored !== undefined && !stored.quarantined;
}

/** True: the stored content gets one more reference. False: the new content takes its place. */
function* stays(tx: Tx, stored: BlobRecord, content: Content): Asking<boolean> {
  if (stored.quarantined) return false;
  // Two calls have finished the same upload at once.
  if (content.kind === 'blob' && content.name === stored.name) return true;
  if (content.replaces) return false;
  if (content.kind === 'blob') return true;
  if (stored.name !== undefined) return false;
  const key = bytesKey(tx.ns, content.sha256, stored);
  yield [key];
  const bytes = tx.value(key);
  return bytes !== undefined && Buffer.compare(bytes, content.bytes) === 0;
}

/**
 * Stores where the bytes of `content` are, in place of the record `stored`. The caller has asked for {@link blobReads}.
 */
function putContent(tx: Tx, content: Content, stored: BlobRecord | undefined, refs: number): void {
  const { ns } = tx;
  const { sha256, size } = content;
  if (stored !== undefined) discardBytes(tx, sha256, stored);
  if (content.kind === 'inline') {
    // Bytes in a row have no name of their own. Without a generation, a reader of the earlier bytes could not tell
    // these from them.
    const renewed = stored === undefined ? {} : { generation: Buffer.from(tx.mintId()).toString('hex') };
    tx.put(keys.blobs.record, [ns, sha256], { size, bytesTime: tx.now, ...renewed, refs });
    tx.put(keys.blobs.bytesByTime, [tx.now, ns, sha256], content.bytes);
    return;
  }
  if (content.publishTime === undefined) throw new ContentVanished();
  const { awaitedUntil } = content;
  const state = tx.get(keys.blobs.physicalName, ns, content.name);
  const isAwaited = state?.state === 'condemned' && state.notBefore === awaitedUntil;
  // A name that was awaited and has no row was removed with its file: other bytes had taken their place.
  const mayTake = awaitedUntil === undefined ? state === undefined : isAwaited;
  const since = awaitedUntil === undefined ? content.publishTime : awaitedUntil - awaitedMs;
  if (!mayTake || tx.now - since > publishedMsMax)
    throw new Failure(
      'STORE_UNAVAILABLE',
      'the upload took too long, and its bytes are removed or marked for removal; upload again',
    );
  if (isAwaited) tx.del(keys.blobs.condemned, state.notBefore, ns, content.name);
  tx.put(keys.blobs.record, [ns, sha256], { name: content.name, size, ...content.version, refs });
  tx.put(keys.blobs.physicalName, [ns, content.name], { state: 'live', sha256 });
  for (let at = 0; at < content.crcs.length; at += crcRowBytes)
    tx.put(keys.blobs.crcs, [ns, sha256, at / crcRowBytes], content.crcs.subarray(at, at + crcRowBytes));
  tx.put(keys.blobs.preview, [ns, sha256], previewOf(content.head, size));
}

/**
 * Removes all rows of a content except its record: its file is queued, and its checksums and its quarantine are
 * deleted.
 */
export function discardBytes(tx: Tx, sha256: Sha256, record: BlobRecord): void {
  const { ns } = tx;
  if (record.quarantined) tx.del(keys.blobs.quarantine, ns, sha256);
  if (record.name === undefined) {
    tx.write({ type: 'del', key: bytesKey(ns, sha256, record) });
    return;
  }
  for (const key of crcKeys(ns, sha256, 0, lastBlock(record.size))) tx.write({ type: 'del', key });
  tx.del(keys.blobs.preview, ns, sha256);
  condemn(tx, { name: record.name, size: record.size, generation: record.generation });
}

/** Returns the number of rows that the checksums of a content take. */
export function crcRowCount({ name, size }: BlobRecord): number {
  return name === undefined ? 0 : Math.floor(lastBlock(size) / (crcRowBytes / 4)) + 1;
}

function lastBlock(size: number): number {
  return Math.max(0, Math.ceil(size / blockBytes) - 1);
}

/** Quarantines a content whose bytes are wrong: until it is pushed again, it is neither read nor matched. */
export function quarantine(tx: Writer, sha256: Sha256, record: BlobRecord, found: QuarantineRecord): void {
  tx.put(keys.blobs.record, [tx.ns, sha256], { ...record, quarantined: true });
  tx.put(keys.blobs.quarantine, [tx.ns, sha256], found);
}

/** Ends the quarantine of a content that was found sound. */
export function release(tx: Writer, sha256: Sha256, { quarantined: _, ...record }: BlobRecord): void {
  tx.put(keys.blobs.record, [tx.ns, sha256], record);
  tx.del(keys.blobs.quarantine, tx.ns, sha256);
}

/**
 * Returns true if two records of a content, from two times, are about the same bytes: no other bytes took their place.
 */
export function isSameCopy(one: BlobRecord, other: BlobRecord): boolean {
  return one.name === other.name && one.generation === other.generation && one.bytesTime === other.bytesTime;
}

/**
 * Decides about bytes that are not needed, since an artifact has the same. They take the place of damaged or lost
 * bytes, or are discarded.
 */
export function* healOrDiscard(tx: Tx, content: Content): Asking<void> {
  yield blobReads(tx.ns, content);
  const stored = tx.get(keys.blobs.record, tx.ns, content.sha256);
  if (stored !== undefined && (yield* stays(tx, stored, content))) {
    yield* discardCopy(tx, content);
    return;
  }
  // If the record is lost, its references still exist; a check of the store counts them again.
  putContent(tx, content, stored, stored?.refs ?? 1);
}

/** Returns true if the bytes exist and may be referenced again. */
export function* isStored(
  rows: Rows,
  ns: string,
  content: { readonly sha256: Sha256; readonly size: number },
): Asking<boolean> {
  yield [keys.blobs.record.key(ns, content.sha256)];
  const stored = rows.get(keys.blobs.record, ns, content.sha256);
  return stored !== undefined && !stored.quarantined && stored.size === content.size;
}

/** Adds a reference to a stored content, without bytes. @returns false if it is not stored. */
export function* attachStored(
  tx: Tx,
  content: { readonly sha256: Sha256; readonly size: number },
  by: Referrer,
): Asking<boolean> {
  if (!(yield* isStored(tx, tx.ns, content))) return false;
  const stored = tx.get(keys.blobs.record, tx.ns, content.sha256)!;
  tx.put(keys.blobs.reference, [tx.ns, content.sha256, by.kind, by.id], true);
  tx.put(keys.blobs.record, [tx.ns, content.sha256], { ...stored, refs: stored.refs + 1 });
  return true;
}

/** Queues the copy that this caller published, for collection: nothing will ever reference its name. */
export function* discardCopy(tx: Tx, content: Content): Asking<void> {
  if (content.kind !== 'blob' || content.publishTime === undefined) return;
  yield [keys.blobs.physicalName.key(tx.ns, content.name)];
  if (tx.get(keys.blobs.physicalName, tx.ns, content.name) !== undefined) return;
  condemn(tx, { name: content.name, size: content.size, generation: content.version?.generation });
}

/** A file without a use. */
interface Unused {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Only this generation is to be removed; undefined: files have none, or it is not known. */
  readonly generation: string | undefined;
}

/** Queues a file: nothing will ever reference its name. */
export function condemn(tx: Tx, { name, size, generation }: Unused): void {
  const notBefore = tx.now + readGraceMs;
  tx.put(keys.blobs.physicalName, [tx.ns, name], { state: 'condemned', notBefore });
  const only = generation === undefined ? {} : { generation };
  tx.put(keys.blobs.condemned, [notBefore, tx.ns, name], { ...only, size });
}

/**
 * Queues a name to which a client will send a file: if no commit takes it in time, the file is removed.
 *
 * @returns the {@link Content} member `awaitedUntil` of its commit.
 */
export function awaitFile(tx: Tx, name: string): number {
  const notBefore = tx.now + awaitedMs;
  tx.put(keys.blobs.physicalName, [tx.ns, name], { state: 'condemned', notBefore });
  tx.put(keys.blobs.condemned, [notBefore, tx.ns, name], { size: 0, again: tx.now + awaitedMsMax });
  return notBefore;
}

/** Removes a reference; the last one queues the blob. */
export function* detach(tx: Tx, sha256: Sha256, by: Referrer): Asking<void> {
  const { ns } = tx;
  yield [keys.blobs.record.key(ns, sha256)];
  const stored = tx.get(keys.blobs.record, ns, sha256);
  if (stored === undefined || stored.refs < 1)
    throw new Failure(
      'DATA_LOSS',
      'the index has lost the record of the content of an artifact: an operator must run "artifacta fsck"',
      { metadata: { sha256 } },
    );
  tx.del(keys.blobs.reference, ns, sha256, by.kind, by.id);
  if (stored.refs > 1) {
    tx.put(keys.blobs.record, [ns, sha256], { ...stored, refs: stored.refs - 1 });
    return;
  }
  tx.put(keys.blobs.record, [ns, sha256], { ...stored, refs: 0, idleSince: tx.now });
  tx.put(keys.blobs.maybeFree, [tx.now, ns, sha256], true);
}

/** Returns the keys of the CRC rows that cover the blocks `first` to `last` of a blob of `size` bytes. */
export function crcKeys(ns: string, sha256: Sha256, first: number, last: number): Key[] {
  const wanted: Key[] = [];
  const perRow = crcRowBytes / 4;
  for (let row = Math.floor(first / perRow); row <= Math.floor(last / perRow); row++)
    wanted.push(keys.blobs.crcs.key(ns, sha256, row));
  return wanted;
}

/** Returns the part of the beginning that is kept for a content of `size` bytes: nothing if it is not text. */
function previewOf(head: Uint8Array, size: number): Uint8Array {
  const text = beginningOf(head, head.length === size, limits.previewBytesMax);
  return Buffer.from(text === undefined ? [] : head);
}

/** Puts CRC rows back together. */
export function joinCrcs(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
