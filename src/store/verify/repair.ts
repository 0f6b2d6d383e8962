/** Repairs, each one transaction that decides from what it reads, whatever a report said. */
import { createHash } from 'node:crypto';
import { type BlobStore, blockBytes } from '../../blobs/blob-store.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { failedWith } from '../../domain/errors.ts';
import { artifactId } from '../../domain/ids.ts';
import { textOf } from '../../index/bytes.ts';
import type { Env, Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord, HeadRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import { condemn, crcKeys, quarantine as putQuarantine } from '../rows/blob-rows.ts';
import { type Draft, type Rows, transact } from '../rows/transaction.ts';
import { noUsage, plus } from '../rows/usage.ts';
import type { Repair } from './finding.ts';
import { derivedRows, headKeyOf, type Owner } from './owners.ts';

type RepairOf<K extends Repair['kind']> = Extract<Repair, { kind: K }>;

/** @returns false if there was nothing to repair any more. */
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
      return await transact(index, {
        queue: what.ns,
        reads: [],
        decide: (rows, draft, env) => decide(what, rows, draft, env),
      });
  }
}

function decide(
  what: Exclude<Repair, RepairOf<'derive' | 'quarantine' | 'restore' | 'head'>>,
  rows: Rows,
  draft: Draft,
  env: Env,
): boolean {
  const { now } = env;
  switch (what.kind) {
    case 'countSession': {
      const record = rows.get(keys.sessions.record, what.ns, what.uid);
      if (record === undefined) return false;
      draft.put(keys.sessions.record, [what.ns, what.uid], {
        ...record,
        artifacts: record.artifacts + what.artifacts,
        bytes: record.bytes + what.bytes,
        holds: record.holds + what.holds,
      });
      return true;
    }
    case 'countUsage': {
      const share = rows.get(keys.calls.usage, what.ns, what.shard) ?? noUsage;
      draft.put(keys.calls.usage, [what.ns, what.shard], plus(share, what));
      return true;
    }
    case 'countReferences':
      return countReferences(what, rows, draft, now);
    case 'leftOver': {
      // A preview is in the way only if it is damaged: the content is read in its place.
      const isWanted = what.key[0] !== keys.blobs.preview.code;
      if (isWanted && rows.get(keys.blobs.record, what.ns, what.sha256) !== undefined) return false;
      draft.writes.push({ type: 'del', key: what.key });
      return true;
    }
    case 'queueFree': {
      const record = rows.get(keys.blobs.record, what.ns, what.sha256);
      if (record === undefined || record.refs !== 0) return false;
      draft.put(keys.blobs.maybeFree, [now, what.ns, what.sha256], true);
      return true;
    }
    case 'listQuarantined': {
      if (rows.get(keys.blobs.record, what.ns, what.sha256)?.quarantined)
        draft.put(keys.blobs.quarantine, [what.ns, what.sha256], { time: now, message: 'it is damaged' });
      else draft.del(keys.blobs.quarantine, what.ns, what.sha256);
      return true;
    }
    case 'condemn': {
      if (rows.get(keys.blobs.physicalName, what.ns, what.name) !== undefined) return false;
      condemn(draft, what.ns, what.name, what.size, now);
      return true;
    }
  }
}

function countReferences(
  { ns, sha256, refs }: RepairOf<'countReferences'>,
  rows: Rows,
  draft: Draft,
  now: number,
): boolean {
  const record = rows.get(keys.blobs.record, ns, sha256);
  if (record === undefined) return false;
  const counted = Math.max(0, record.refs + refs);
  draft.put(keys.blobs.record, [ns, sha256], { ...record, refs: counted });
  if (counted === 0) draft.put(keys.blobs.maybeFree, [now, ns, sha256], true);
  return true;
}

/**
 * The next version is one that no name of the session can have had: every version is an event of its session. So
 * versions are left out, and none is used twice.
 */
async function mendHead(index: Index, what: RepairOf<'head'>): Promise<boolean> {
  const { ns, uid, name, was, highest } = what;
  // While it is damaged nobody can have changed it: whoever does reads it before.
  const wasDamaged = await isDamaged(index, keys.artifacts.head.key(ns, uid, name));
  return await transact(index, {
    queue: ns,
    reads: [keys.sessions.record.key(ns, uid)],
    decide: (rows, draft, env) => {
      const session = rows.get(keys.sessions.record, ns, uid);
      if (session === undefined) return false;
      if (!wasDamaged && !same(rows.get(keys.artifacts.head, ns, uid, name), was)) return false;
      draft.put(keys.artifacts.head, [ns, uid, name], {
        nextVersion: session.feed + 1,
        // Where all versions are deleted the id of the last one is not known any more, and nobody asks for it.
        latest: highest?.id ?? was?.latest ?? artifactId(env.mintId()),
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
    queue: owner?.ns ?? '',
    reads: owner === undefined ? [] : [owner.key],
    decide: (rows, draft) => {
      const derived = owner === undefined ? [] : derivedOf(owner, rows);
      const wanted = derived.find((write) => textOf(write.key) === textOf(key));
      draft.writes.push(wanted ?? { type: 'del', key });
      return true;
    },
  });
}

/** All that is derived from an owner as it is now; nothing if it is not there. */
function derivedOf(owner: Owner, rows: Rows): Draft['writes'] {
  const value = rows.value(owner.key);
  if (value === undefined) return [];
  const headKey = headKeyOf(owner, value);
  const head = headKey && rows.value(headKey);
  return derivedRows(owner, value, head && keys.artifacts.head.decode(head));
}

/** Only what is damaged still: somebody may have pushed the bytes again, or put the file back. */
async function quarantine(
  index: Index,
  blobStore: BlobStore,
  { ns, sha256, name, message }: RepairOf<'quarantine'>,
): Promise<boolean> {
  const value = await index.get(keys.blobs.record.key(ns, sha256));
  const before = value && keys.blobs.record.decode(value);
  if (before === undefined || (await isSound(index, blobStore, ns, sha256, before))) return false;
  return await transact(index, {
    queue: ns,
    reads: [keys.blobs.record.key(ns, sha256)],
    decide: (rows, draft, { now }) => {
      const record = rows.get(keys.blobs.record, ns, sha256);
      if (record === undefined || record.quarantined || record.name !== before.name) return false;
      if (name !== undefined && record.name !== name) return false;
      putQuarantine(draft, ns, sha256, record, { time: now, message });
      return true;
    },
  });
}

async function isSound(
  index: Index,
  blobStore: BlobStore,
  ns: string,
  sha256: Sha256,
  { name, size }: BlobRecord,
): Promise<boolean> {
  try {
    const actual =
      name === undefined
        ? await inlineSize(index, ns, sha256)
        : await fileSize(index, blobStore, ns, sha256, name);
    return actual === size;
  } catch (error) {
    if (!failedWith(error, 'DATA_LOSS')) throw error;
    return false;
  }
}

/** Only if the bytes are the right ones, and their checksums are all there. */
async function restore(
  index: Index,
  blobStore: BlobStore,
  { ns, sha256, name, refs }: RepairOf<'restore'>,
): Promise<boolean> {
  const size =
    name === undefined
      ? await inlineSize(index, ns, sha256)
      : await fileSize(index, blobStore, ns, sha256, name);
  if (size === undefined) return false;
  const record: BlobRecord = { ...(name === undefined ? {} : { name }), size, refs };
  const key = keys.blobs.record.key(ns, sha256);
  const wasDamaged = await isDamaged(index, key);
  return await transact(index, {
    queue: ns,
    reads: wasDamaged ? [] : [key],
    decide: (rows, draft) => {
      // While it is damaged nobody can have written it: whoever does reads it before.
      if (!wasDamaged && rows.get(keys.blobs.record, ns, sha256) !== undefined) return false;
      draft.put(keys.blobs.record, [ns, sha256], record);
      return true;
    },
  });
}

async function inlineSize(index: Index, ns: string, sha256: Sha256): Promise<number | undefined> {
  const bytes = await index.get(keys.blobs.bytes.key(ns, sha256));
  if (bytes === undefined) return undefined;
  return createHash('sha256').update(bytes).digest('hex') === sha256 ? bytes.length : undefined;
}

async function fileSize(
  index: Index,
  blobStore: BlobStore,
  ns: string,
  sha256: Sha256,
  name: string,
): Promise<number | undefined> {
  const stat = await blobStore.stat(name);
  if (stat === undefined) return undefined;
  const { sizeBytes } = stat;
  const rows =
    sizeBytes === 0 ? [] : await index.getMany(crcKeys(ns, sha256, 0, Math.ceil(sizeBytes / blockBytes) - 1));
  const crcBytes = rows.reduce((sum, row) => sum + (row?.length ?? 0), 0);
  if (crcBytes !== Math.ceil(sizeBytes / blockBytes) * 4) return undefined;
  const hash = createHash('sha256');
  for await (const piece of blobStore.read(name, 0, sizeBytes)) hash.update(piece);
  return hash.digest('hex') === sha256 ? sizeBytes : undefined;
}

/** Writes all that is derived from these owners, in one transaction. @returns how many rows. */
export async function reindex(index: Index, owners: readonly Owner[]): Promise<number> {
  return await transact(index, {
    queue: owners[0]!.ns,
    reads: owners.map(({ key }) => key),
    decide: (rows, draft) => {
      rows.require(owners.flatMap((owner) => headOf(owner, rows) ?? []));
      for (const owner of owners) draft.writes.push(...derivedOf(owner, rows));
      return draft.writes.length;
    },
  });
}

function headOf(owner: Owner, rows: Rows): Key | undefined {
  const value = rows.value(owner.key);
  return value && headKeyOf(owner, value);
}
