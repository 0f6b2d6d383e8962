/** What is left of contents: bytes without a record, from which the record can follow, and rows of no content. */
import { hash } from 'node:crypto';
import type { Sha256 } from '../../domain/digest.ts';
import { textOf } from '../../index/bytes.ts';
import type { Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import { bytesKey } from '../rows/blob-rows.ts';
import { damaged, examined, readable, valuesOf } from '../rows/damaged-rows.ts';
import { type Diagnosis, diagnosis } from './finding.ts';
import type { AnyFamily } from './owners.ts';
import type { Scope } from './scope.ts';

interface Check {
  readonly snapshot: Snapshot;
  readonly scope: Scope;
}

/** A content that is referenced and has no record. */
export interface LostRecord {
  readonly ns: string;
  readonly sha256: Sha256;
  /** The number of references that exist. */
  readonly refs: number;
}

/**
 * Yields a finding for each content whose record is gone, by the key of its record without the family, and empties the
 * map. The record can be written again if the bytes exist.
 */
export async function* recordsLost(
  { snapshot, scope }: Check,
  lost: Map<string, LostRecord>,
): AsyncGenerator<Diagnosis> {
  const times = await storedTimes(snapshot, scope, lost);
  for (const [group, { ns, sha256, refs }] of lost) {
    const file = scope.homeless.get(group);
    scope.homeless.delete(group);
    const bytesTime = times.get(group);
    const [early] = await valuesOf(snapshot, [keys.blobs.bytes.key(ns, sha256)]);
    const isInline = bytesTime !== undefined || (early !== undefined && early !== damaged);
    const references = `${refs} reference${refs === 1 ? '' : 's'} to it exist${refs === 1 ? 's' : ''}`;
    const about = { namespace: ns, sha256 };
    if (file !== undefined || isInline)
      yield diagnosis('ROW_CORRUPT', about, `the record of a content is gone (${references})`, {
        kind: 'restore',
        ns,
        sha256,
        name: file?.name,
        bytesTime: file === undefined ? bytesTime : undefined,
        refs,
      });
    else
      yield diagnosis(
        'CONTENT_MISSING',
        about,
        `the record of a content and its bytes are gone (${references}); pushing the same bytes again restores both`,
      );
  }
  lost.clear();
}

/** Returns when the bytes of these contents were stored, where that is a part of their key and they are the right ones. */
async function storedTimes(
  snapshot: Snapshot,
  scope: Scope,
  lost: ReadonlyMap<string, LostRecord>,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  if (lost.size === 0) return times;
  for await (const [key, bytes] of readable(snapshot, scope.rangeOf(keys.blobs.bytesByTime))) {
    const parts = scope.parse(keys.blobs.bytesByTime, key) as [number, string, Sha256] | undefined;
    if (parts === undefined) continue;
    const [time, ns, sha256] = parts;
    const group = textOf(keys.blobs.record.key(ns, sha256)).slice(1);
    if (lost.has(group) && hash('sha256', bytes) === sha256) times.set(group, time);
  }
  return times;
}

/** The families of rows that belong to a content. */
const ofContents: readonly AnyFamily[] = [
  keys.blobs.bytes,
  keys.blobs.bytesByTime,
  keys.blobs.crcs,
  keys.blobs.preview,
];

/** Yields the small contents, checksums and previews that are the only remains of a content, or that it does not use. */
export async function* leftOvers({ snapshot, scope }: Check): AsyncGenerator<Diagnosis> {
  for (const family of ofContents) {
    for await (const block of examined(snapshot, scope.rangeOf(family))) {
      const rows = block.flatMap(({ key }) => {
        const parts = scope.parse(family, key);
        if (parts === undefined) return [];
        const at = Number(family.owner);
        return [{ key, ns: parts[at] as string, sha256: parts[at + 1] as Sha256 }];
      });
      const records = await valuesOf(
        snapshot,
        rows.map(({ ns, sha256 }) => keys.blobs.record.key(ns, sha256)),
      );
      for (const [order, { key, ns, sha256 }] of rows.entries()) {
        const value = records[order];
        const record =
          value === undefined || value === damaged ? undefined : scope.decode(keys.blobs.record, value);
        if (value !== undefined && (record === undefined || isUsed(key, ns, sha256, record))) continue;
        if (value === undefined && (await isReferenced(snapshot, ns, sha256))) continue;
        const message = `${scope.describe(key)} should not exist`;
        yield diagnosis('INDEX_ROW_WRONG', { namespace: ns }, message, { kind: 'leftOver', ns, sha256, key });
      }
    }
  }
}

async function isReferenced(snapshot: Snapshot, ns: string, sha256: Sha256): Promise<boolean> {
  for await (const _ of snapshot.examine(keys.blobs.reference.range(ns, sha256))) return true;
  return false;
}

/** Returns false if the row has bytes, and the content with this record has its bytes elsewhere. */
export function isUsed(key: Key, ns: string, sha256: Sha256, record: BlobRecord): boolean {
  if (key[0] !== keys.blobs.bytesByTime.code && key[0] !== keys.blobs.bytes.code) return true;
  return record.name === undefined && textOf(bytesKey(ns, sha256, record)) === textOf(key);
}
