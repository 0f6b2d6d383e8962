/**
 * Block checksums: the CRC-32 of every {@link blockBytes} of a blob; the last block may be shorter. Four bytes each,
 * most significant first. The index keeps them in rows of {@link crcRowBlocks}; row n begins with block n · 1024.
 */
import { crc32 } from '@node-rs/crc32';
import { Failure } from '../domain/errors.ts';
import { blockBytes } from './blob-store.ts';
import { checkByteRange } from './names.ts';

/** The number of checksums in a full row: 4 KiB of them, for 1 GiB of content. */
export const crcRowBlocks = 1024;
const crcBytes = 4;

/** Takes a blob's bytes in order, in chunks of any size, and keeps none of them. */
export class BlockCrcs {
  private readonly crcs: number[] = [];
  private crc = 0;
  private filled = 0;

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + blockBytes - this.filled);
      this.crc = crc32(part, this.crc);
      this.filled += part.length;
      at += part.length;
      if (this.filled === blockBytes) this.endBlock();
    }
  }

  /** Returns the checksums of all blocks; empty for an empty blob. Called once, at the end. */
  finish(): Uint8Array {
    if (this.filled > 0) this.endBlock();
    const bytes = new Uint8Array(this.crcs.length * crcBytes);
    const view = new DataView(bytes.buffer);
    this.crcs.forEach((crc, block) => {
      view.setUint32(block * crcBytes, crc);
    });
    return bytes;
  }

  private endBlock(): void {
    this.crcs.push(this.crc);
    this.crc = 0;
    this.filled = 0;
  }
}

/** The part of a blob to read in order to serve a range of it, checked. */
export interface ReadPlan {
  /** The wanted range, in bytes. */
  readonly offset: number;
  readonly length: number;
  /**
   * The blocks that cover the range: they begin at a block, and end at one or with the blob. Empty for an empty range.
   */
  readonly readOffset: number;
  readonly readLength: number;
  /** The numbers of these blocks, the last one included; `lastBlock` is less than `firstBlock` for an empty range. */
  readonly firstBlock: number;
  readonly lastBlock: number;
}

/** Returns the plan. RangeError unless `[offset, offset + length)` lies within the blob. */
export function readPlan(wanted: {
  readonly sizeBytes: number;
  readonly offset: number;
  readonly length: number;
}): ReadPlan {
  const { sizeBytes, offset, length } = wanted;
  checkByteRange(offset, length);
  const end = offset + length;
  if (!(end <= sizeBytes))
    throw new RangeError(`bytes ${offset} to ${end} are not within ${sizeBytes} bytes`);
  const firstBlock = Math.floor(offset / blockBytes);
  const lastBlock = length === 0 ? firstBlock - 1 : Math.floor((end - 1) / blockBytes);
  const readOffset = firstBlock * blockBytes;
  const readEnd = Math.min((lastBlock + 1) * blockBytes, sizeBytes);
  return { offset, length, readOffset, readLength: readEnd - readOffset, firstBlock, lastBlock };
}

/**
 * Yields the wanted bytes of a plan, from `pieces` of any size that have its `readLength` bytes. `crcs` are the
 * checksums of whole rows; the first of them is the row of `plan.firstBlock`. No byte of a block is released before the
 * block has been checked. One block is in memory at a time, and nothing is copied.
 *
 * Failure `DATA_LOSS` for a block that does not match, a checksum that is missing, and too few or too many bytes.
 */
export async function* verified(
  pieces: AsyncIterable<Uint8Array>,
  { plan, crcs }: { readonly plan: ReadPlan; readonly crcs: Uint8Array },
): AsyncGenerator<Uint8Array> {
  const end = plan.readOffset + plan.readLength;
  const rowStart = Math.floor(plan.firstBlock / crcRowBlocks) * crcRowBlocks;
  let block = plan.firstBlock;
  let position = plan.readOffset;
  let crc = 0;
  let parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    if (position + piece.length > end)
      throw new Failure('DATA_LOSS', 'more bytes are stored than were written');
    for (let at = 0; at < piece.length; ) {
      const blockEnd = Math.min((block + 1) * blockBytes, end);
      const part = piece.subarray(at, at + blockEnd - position);
      crc = crc32(part, crc);
      parts.push(part);
      at += part.length;
      position += part.length;
      if (position < blockEnd) continue;
      if (crc !== crcAt(crcs, block - rowStart)) throw mismatch(block);
      yield* clipped(parts, block * blockBytes, plan);
      block++;
      crc = 0;
      parts = [];
    }
  }
  if (position < end) throw new Failure('DATA_LOSS', 'fewer bytes are stored than were written');
}

/** Returns undefined, which matches nothing, if `crcs` are too short. */
function crcAt(crcs: Uint8Array, index: number): number | undefined {
  const at = index * crcBytes;
  if (crcs.length < at + crcBytes) return undefined;
  return new DataView(crcs.buffer, crcs.byteOffset).getUint32(at);
}

function mismatch(block: number): Failure {
  return new Failure('DATA_LOSS', 'stored bytes do not match their checksum', {
    metadata: { block: String(block) },
  });
}

/** Yields the wanted ones of the bytes in `parts`, which begin at `start`. */
function* clipped(parts: readonly Uint8Array[], start: number, plan: ReadPlan): Generator<Uint8Array> {
  let at = start;
  for (const part of parts) {
    const from = Math.max(plan.offset - at, 0);
    const to = Math.min(plan.offset + plan.length - at, part.length);
    if (from < to) yield to - from === part.length ? part : part.subarray(from, to);
    at += part.length;
  }
}
