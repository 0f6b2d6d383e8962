/** What is wrong with one content: the bytes where its record has them, its checksums and its preview. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import type { Family } from '../../src/index/family.ts';
import { keys } from '../../src/index/keys.ts';

// biome-ignore lint/suspicious/noExplicitAny: a family of any columns and values
export type AnyFamily = Family<any, any>;

/** All rows of an index, decoded, by family. */
export type Rows = Map<AnyFamily, { parts: readonly unknown[]; value: unknown }[]>;

/** Returns the faults in words; none if the content is as it should be. @param parts the key of its record. */
export async function contentFaults(
  rows: Rows,
  blobStore: BlobStore,
  [ns, sha256]: readonly unknown[],
  record: { size: number; name?: string; bytesTime?: number },
): Promise<string[]> {
  const isOf = ({ parts }: { parts: readonly unknown[] }) => parts[0] === ns && parts[1] === sha256;
  const early = rows.get(keys.blobs.bytes as AnyFamily)!.filter(isOf);
  const timed = rows.get(keys.blobs.bytesByTime as AnyFamily)!;
  const ofTime = timed.filter(
    ({ parts }) => isOf({ parts: parts.slice(1) }) && parts[0] === record.bytesTime,
  );
  const inline = (record.bytesTime === undefined ? early : ofTime)[0]?.value as Uint8Array;
  const places = early.length + timed.filter(({ parts }) => isOf({ parts: parts.slice(1) })).length;
  const crcs = rows.get(keys.blobs.crcs as AnyFamily)!.filter(isOf);
  const preview = rows.get(keys.blobs.preview as AnyFamily)!.find(isOf)?.value as Uint8Array | undefined;
  const faults: string[] = [];
  if ((inline === undefined) !== (record.name !== undefined) || places !== (inline === undefined ? 0 : 1))
    faults.push(`blob ${sha256}: inline and in a file, or neither, or in ${places} rows`);
  if (crcs.length > 0 !== (record.name !== undefined))
    faults.push(`blob ${sha256}: has ${crcs.length} rows of checksums`);
  const hash = createHash('sha256');
  let size = 0;
  let head = Buffer.alloc(0);
  const pieces = record.name === undefined ? [inline] : blobStore.read(record.name, 0, record.size);
  for await (const piece of pieces) {
    hash.update(piece);
    size += piece.length;
    if (head.length < 1024) head = Buffer.concat([head, piece]).subarray(0, 1024);
  }
  if (size !== record.size || hash.digest('hex') !== sha256)
    faults.push(`blob ${sha256}: its bytes are others`);
  faults.push(...previewFaults(String(sha256), preview, head, record));
  return faults;
}

/** Text begins with its preview, but for a last character that was cut; of anything else there is an empty one. */
function previewFaults(
  sha256: string,
  preview: Uint8Array | undefined,
  head: Buffer,
  { name, size }: { size: number; name?: string },
): string[] {
  if ((preview !== undefined) !== (name !== undefined))
    return [`blob ${sha256}: a preview too many or too few`];
  if (preview === undefined || preview.length === 0) return [];
  const missing = Math.min(size, head.length) - preview.length;
  const isBeginning = head.subarray(0, preview.length).equals(preview) && missing >= 0 && missing < 4;
  return isBeginning ? [] : [`blob ${sha256}: its preview is another`];
}
