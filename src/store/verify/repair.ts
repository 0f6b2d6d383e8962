/** Repairs. Each is one transaction, which decides from what it reads, whatever a report said. */
import { createHash } from 'node:crypto';
import { type BlobStat, type BlobStore, blockBytes } from '../../blobs/blob-store.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { failedWith } from '../../domain/errors.ts';
import { artifactId } from '../../domain/ids.ts';
import { textOf } from '../../index/bytes.ts';
import type { Asking, Index, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord, HeadRecord } from '../../index/records.ts';
import type { Key, Write } from '../../index/row.ts';
import { rowOwner } from '../../index/row-owner.ts';
import { bytesKey, condemn, crcKeys, isSameCopy, quarantine as putQuarantine } from '../rows/blob-rows.ts';
import { transact } from '../rows/transaction.ts';
import { noUsage, plus } from '../rows/usage.ts';
import type { Repair } from './finding.ts';
import { derivedRows, headKeyOf, type Owner } from './owners.ts';
import { isUsed } from './remains.ts';

type RepairOf<K extends Repair['kind']> = Extract<Repair, { kind: K }>;

/** @returns false if nothing was left to repair. */
export async function repair(index: Index, blobStore: BlobStore, what: Repair): Promise<boolean> {
  switch (what.kind) {
    case 'derive':
      return await derive(index, what);
    case 'quarantine':
      return await quarantine(index, blobStore, what);
    case 'head':
      return await mendHead(index, what);
    case 'restore':
      return await restore(index, blobStore, what);
    default:
      return await transact(index, { ns: what.ns, reads: [], decide: (tx) => decide(tx, what) });
  }
}

function* decide(
  tx: Tx,
  what: Exclude<Repair, RepairOf<'derive' | 'quarantine' | 'restore' | 'head'>>,
): Asking<boolean> {
  const { ns, now } = tx;
  switch (what.kind) {
    case 'countSession': {
      yield [keys.sessions.record.key(ns, what.uid)];
      const record = tx.get(keys.sessions.record, ns, what.uid);
      if (record === undefined) return false;
      tx.put(keys.sessions.record, [ns, what.uid], {
        ...record,
        artifacts: record.artifacts + what.artifacts,
        bytes: record.bytes + what.bytes,
        holds: record.holds + what.holds,
      });
      return true;
    }
    case 'countUsage': {
      yield [keys.calls.usage.key(ns, what.shard)];
      const share = tx.get(keys.calls.usage, ns, what.shard) ?? noUsage;
      tx.put(keys.calls.usage, [ns, what.shard], plus(share, what));
      return true;
    }
    case 'countReferences':
      return yield* countReferences(tx, what);
    case 'leftOver': {
      // A preview is a fault only if it is damaged: then the content is read in its place.
      const isWanted = what.key[0] !== keys.blobs.preview.code;
      const record = yield* blobRecord(tx, what.sha256);
      if (isWanted && record !== undefined && isUsed(what.key, ns, what.sha256, record)) return false;
      tx.write({ type: 'del', key: what.key });
      return true;
    }
    case 'queueFree': {
      const record = yield* blobRecord(tx, what.sha256);
      if (record === undefined || record.refs !== 0) return false;
      tx.put(keys.blobs.maybeFree, [now, ns, what.sha256], true);
      return true;
    }
    case 'listQuarantined': {
      if ((yield* blobRecord(tx, what.sha256))?.quarantined)
        tx.put(keys.blobs.quarantine, [ns, what.sha256], { time: now, message: 'it is damaged' });
      else tx.del(keys.blobs.quarantine, ns, what.sha256);
      return true;
    }
    case 'condemn': {
      yield [keys.blobs.physicalName.key(ns, what.name)];
      if (tx.get(keys.blobs.physicalName, ns, what.name) !== undefined) return false;
      condemn(tx, what);
      return true;
    }
  }
}

function* blobRecord(tx: Tx, sha256: Sha256): Asking<BlobRecord | undefined> {
  yield [keys.blobs.record.key(tx.ns, sha256)];
  return tx.get(keys.blobs.record, tx.ns, sha256);
}

function* countReferences(tx: Tx, { sha256, refs }: RepairOf<'countReferences'>): Asking<boolean> {
  const record = yield* blobRecord(tx, sha256);
  if (record === undefined) return false;
  const counted = Math.max(0, record.refs + refs);
  tx.put(keys.blobs.record, [tx.ns, sha256], { ...record, refs: counted });
  if (counted === 0) tx.put(keys.blobs.maybeFree, [tx.now, tx.ns, sha256], true);
  return true;
}

/**
 * Repairs a head. Its next version is a number that no name of the session can have used: every version is an event of
 * its session. So some versions are left out, and none is used twice.
 */
async function mendHead(index: Index, what: RepairOf<'head'>): Promise<boolean> {
  const { ns, uid, name, was, highest } = what;
  // While the head is damaged, no transaction can have changed it: a transaction that changes it reads it first.
  const wasDamaged = await isDamaged(index, keys.artifacts.head.key(ns, uid, name));
  const headKey = keys.artifacts.head.key(ns, uid, name);
  return await transact(index, {
    ns,
    reads: [keys.sessions.record.key(ns, uid), ...(wasDamaged ? [] : [headKey])],
    *decide(tx) {
      const session = tx.get(keys.sessions.record, ns, uid);
      if (session === undefined) return false;
      if (!wasDamaged && !same(tx.get(keys.artifacts.head, ns, uid, name), was)) return false;
      tx.put(keys.artifacts.head, [ns, uid, name], {
        nextVersion: session.feed + 1,
        // If all versions are deleted, the id of the last one is not known any more, and no code asks for it.
        latest: highest?.id ?? was?.latest ?? artifactId(tx.mintId()),
        ...(highest === undefined ? { deleted: true } : {}),
      });
      return true;
    },
  });
}

async function isDamaged(index: Index, key: Key): Promise<boolean> {
  try {
    await index.get(key);
    return false;
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    return true;
  }
}

function same(now: HeadRecord | undefined, before: HeadRecord | undefined): boolean {
  return JSON.stringify(now) === JSON.stringify(before);
}

async function derive(index: Index, { key, owner }: RepairOf<'derive'>): Promise<boolean> {
  return await transact(index, {
    ns: rowOwner(key, undefined) ?? '',
    reads: owner === undefined ? [] : [owner.key],
    *decide(tx) {
      const derived = owner === undefined ? [] : yield* derivedOf(tx, owner);
      const wanted = derived.find((write) => textOf(write.key) === textOf(key));
      tx.write(wanted ?? { type: 'del', key });
      return true;
    },
  });
}

/** Returns all rows that are derived from an owner as it is now; none if the owner does not exist. */
function* derivedOf(tx: Tx, owner: Owner): Asking<readonly Write[]> {
  yield [owner.key];
  const value = tx.value(owner.key);
  if (value === undefined) return [];
  const headKey = headKeyOf(owner, value);
  if (headKey === undefined) return derivedRows(owner, value, undefined);
  yield [headKey];
  const head = tx.value(headKey);
  return derivedRows(owner, value, head && keys.artifacts.head.decode(head));
}

/** Quarantines a content only if it is still damaged: its bytes may have been pushed again, or the file put back. */
async function quarantine(
  index: Index,
  blobStore: BlobStore,
  { ns, sha256, name, message }: RepairOf<'quarantine'>,
): Promise<boolean> {
  const value = await index.get(keys.blobs.record.key(ns, sha256));
  const before = value && keys.blobs.record.decode(value);
  if (before === undefined || (await isSound(index, blobStore, ns, sha256, before))) return false;
  return await transact(index, {
    ns,
    reads: [keys.blobs.record.key(ns, sha256)],
    *decide(tx) {
      const record = tx.get(keys.blobs.record, ns, sha256);
      if (record === undefined || record.quarantined || !isSameCopy(record, before)) return false;
      if (name !== undefined && record.name !== name) return false;
      putQuarantine(tx, sha256, record, { time: tx.now, message });
      return true;
    },
  });
}

async function isSound(
  index: Index,
  blobStore: BlobStore,
  ns: string,
  sha256: Sha256,
  record: BlobRecord,
): Promise<boolean> {
  const { name, size, generation } = record;
  try {
    const actual =
      name === undefined
        ? await inlineSize(index, ns, sha256, record)
        : (await soundFile(index, blobStore, ns, sha256, { name, generation }))?.sizeBytes;
    return actual === size;
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    return false;
  }
}

/** Restores the record only if the bytes are the right ones, and all their checksums exist. */
async function restore(
  index: Index,
  blobStore: BlobStore,
  { ns, sha256, name, bytesTime, refs }: RepairOf<'restore'>,
): Promise<boolean> {
  const record = await restoredRecord(index, blobStore, { ns, sha256, name, bytesTime, refs });
  if (record === undefined) return false;
  const key = keys.blobs.record.key(ns, sha256);
  const wasDamaged = await isDamaged(index, key);
  return await transact(index, {
    ns,
    reads: wasDamaged ? [] : [key],
    *decide(tx) {
      // While the record is damaged, no transaction can have written it: a transaction that writes it reads it first.
      if (!wasDamaged && tx.get(keys.blobs.record, ns, sha256) !== undefined) return false;
      tx.put(keys.blobs.record, [ns, sha256], record);
      return true;
    },
  });
}

async function restoredRecord(
  index: Index,
  blobStore: BlobStore,
  { ns, sha256, name, bytesTime, refs }: Omit<RepairOf<'restore'>, 'kind'>,
): Promise<BlobRecord | undefined> {
  if (name === undefined) {
    const place = bytesTime === undefined ? {} : { bytesTime };
    const size = await inlineSize(index, ns, sha256, place);
    return size === undefined ? undefined : { size, ...place, refs };
  }
  const file = await soundFile(index, blobStore, ns, sha256, { name, generation: undefined });
  if (file === undefined) return undefined;
  const { sizeBytes, generation, crc32c } = file;
  const version = generation === undefined || crc32c === undefined ? {} : { generation, crc32c };
  return { name, size: sizeBytes, ...version, refs };
}

async function inlineSize(
  index: Index,
  ns: string,
  sha256: Sha256,
  place: Pick<BlobRecord, 'bytesTime'>,
): Promise<number | undefined> {
  const bytes = await index.get(bytesKey(ns, sha256, place));
  if (bytes === undefined) return undefined;
  return createHash('sha256').update(bytes).digest('hex') === sha256 ? bytes.length : undefined;
}

/** Returns the facts of a file if its bytes and its checksums are the right ones. */
async function soundFile(
  index: Index,
  blobStore: BlobStore,
  ns: string,
  sha256: Sha256,
  { name, generation }: { readonly name: string; readonly generation: string | undefined },
): Promise<BlobStat | undefined> {
  const stat = await blobStore.stat(name, generation);
  if (stat === undefined) return undefined;
  const { sizeBytes } = stat;
  const rows =
    sizeBytes === 0 ? [] : await index.getMany(crcKeys(ns, sha256, 0, Math.ceil(sizeBytes / blockBytes) - 1));
  const crcBytes = rows.reduce((sum, row) => sum + (row?.length ?? 0), 0);
  if (crcBytes !== Math.ceil(sizeBytes / blockBytes) * 4) return undefined;
  const hash = createHash('sha256');
  for await (const piece of blobStore.read(name, 0, sizeBytes, undefined, stat.generation))
    hash.update(piece);
  return hash.digest('hex') === sha256 ? stat : undefined;
}

/**
 * Writes all rows that are derived from these owners, of one namespace, in one transaction. @returns the number of rows.
 */
export async function reindex(index: Index, ns: string, owners: readonly Owner[]): Promise<number> {
  return await transact(index, {
    ns,
    reads: owners.map(({ key }) => key),
    *decide(tx) {
      // All heads in one round.
      yield owners.flatMap((owner) => headOf(tx, owner) ?? []);
      let count = 0;
      for (const owner of owners)
        for (const write of yield* derivedOf(tx, owner)) {
          tx.write(write);
          count++;
        }
      return count;
    },
  });
}

function headOf(tx: Tx, owner: Owner): Key | undefined {
  const value = tx.value(owner.key);
  return value && headKeyOf(owner, value);
}
