/** Reading contents: from the index or the blob store, each block checked before a byte of it leaves. */
import type { BlobStore } from '../../blobs/blob-store.ts';
import { crcRowBlocks, readPlan, verified } from '../../blobs/checksums.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import { crcKeys, crcRowBytes, joinCrcs } from '../rows/blob-rows.ts';

/** A part of a content: `[offset, offset + length)`. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** Opens stored contents by digest. */
export class Contents {
  private readonly blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.blobs = blobs;
  }

  /**
   * The bytes of a part, in pieces of at most {@link limits.chunkBytesDefault}. What is needed from the index is read
   * before this resolves, so that a snapshot may be disposed then.
   *
   * @throws Failure DATA_LOSS, when opening or while reading, if a stored byte is missing or does not match.
   */
  async open(
    reader: Reader,
    ns: string,
    content: { readonly sha256: Sha256; readonly size: number },
    part: Part,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { name } = await readBlobRecord(reader, ns, content);
    if (part.length === 0) return fromMemory(new Uint8Array(0));
    if (name === undefined) {
      const bytes = await readInline(reader, ns, content);
      return fromMemory(bytes.subarray(part.offset, part.offset + part.length));
    }
    return this.fromBlob(reader, ns, content, name, part, signal);
  }

  /**
   * Opens any parts of a content, as often as they are asked for. What is needed from the index is read before this
   * resolves: four bytes for each MiB of the content.
   *
   * @throws Failure as {@link open}.
   */
  async opener(
    reader: Reader,
    ns: string,
    content: { readonly sha256: Sha256; readonly size: number },
    signal?: AbortSignal,
  ): Promise<(offset: number, length: number) => AsyncIterable<Uint8Array>> {
    const { name } = await readBlobRecord(reader, ns, content);
    if (name === undefined) {
      const bytes = content.size === 0 ? new Uint8Array(0) : await readInline(reader, ns, content);
      return (offset, length) => fromMemory(bytes.subarray(offset, offset + length));
    }
    const { lastBlock } = readPlan({ sizeBytes: content.size, offset: 0, length: content.size });
    const crcs = await readCrcs(reader, ns, content.sha256, 0, lastBlock);
    return (offset, length) => {
      const plan = readPlan({ sizeBytes: content.size, offset, length });
      const pieces = this.blobs.read(name, plan.readOffset, plan.readLength, signal);
      const row = Math.floor(plan.firstBlock / crcRowBlocks);
      return verified(pieces, { plan, crcs: crcs.subarray(row * crcRowBytes) });
    };
  }

  private async fromBlob(
    reader: Reader,
    ns: string,
    content: { readonly sha256: Sha256; readonly size: number },
    name: string,
    part: Part,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterable<Uint8Array>> {
    const plan = readPlan({ sizeBytes: content.size, ...part });
    const crcs = await readCrcs(reader, ns, content.sha256, plan.firstBlock, plan.lastBlock);
    const pieces = this.blobs.read(name, plan.readOffset, plan.readLength, signal);
    return verified(pieces, { plan, crcs });
  }
}

async function readBlobRecord(
  reader: Reader,
  ns: string,
  content: { readonly sha256: Sha256; readonly size: number },
): Promise<BlobRecord> {
  const value = await reader.get(keys.blobs.record.key(ns, content.sha256));
  if (value === undefined) throw lost(content.sha256, 'its record is gone');
  const record = keys.blobs.record.decode(value);
  if (record.size !== content.size) throw lost(content.sha256, 'its recorded size differs');
  if (record.quarantined) throw lost(content.sha256, 'it is damaged; pushing the same bytes again heals it');
  return record;
}

async function readInline(
  reader: Reader,
  ns: string,
  content: { readonly sha256: Sha256; readonly size: number },
): Promise<Uint8Array> {
  const bytes = await reader.get(keys.blobs.bytes.key(ns, content.sha256));
  if (bytes?.length !== content.size) throw lost(content.sha256, 'its bytes are gone');
  return bytes;
}

/** The checksums of whole rows that cover some blocks, one after the other. */
async function readCrcs(reader: Reader, ns: string, sha256: Sha256, firstBlock: number, lastBlock: number) {
  const rows = await reader.getMany(crcKeys(ns, sha256, firstBlock, lastBlock));
  if (rows.some((row) => row === undefined)) throw lost(sha256, 'its checksums are gone');
  return joinCrcs(rows as Uint8Array[]);
}

async function* fromMemory(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += limits.chunkBytesDefault)
    yield bytes.subarray(at, at + limits.chunkBytesDefault);
}

function lost(sha256: Sha256, why: string): Failure {
  return new Failure('DATA_LOSS', `the content ${sha256} cannot be read: ${why}`, { metadata: { sha256 } });
}
