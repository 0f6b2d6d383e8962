/** Reads contents from the index or the blob store. Each block is checked before a byte of it is returned. */
import type { BlobStore, ReadUrl, ShownAs } from '../../blobs/blob-store.ts';
import { crcRowBlocks, readPlan, verified } from '../../blobs/checksums.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import { bytesKey, crcKeys, crcRowBytes, joinCrcs } from '../rows/blob-rows.ts';

/** A part of a content: `[offset, offset + length)`. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** The identity of a content for its readers. */
interface Wanted {
  readonly sha256: Sha256;
  /** In bytes. */
  readonly size: number;
}

/** A content as it was when a reader began. */
export interface Stored {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly record: BlobRecord;
}

/**
 * Called with the damaged content and the sign of its damage, before the reader gets the error. Resolves when the
 * damage is written down; must not reject.
 */
export type OnDamage = (content: Stored, message: string) => Promise<void>;

/** Opens stored contents by digest. */
export class Contents {
  private readonly blobs: BlobStore;
  private readonly onDamage: OnDamage | 'judged by the reader';

  constructor(blobs: BlobStore, onDamage: OnDamage | 'judged by the reader') {
    this.blobs = blobs;
    this.onDamage = onDamage;
  }

  /**
   * The same contents, and the quarantined ones too, for readers that decide for themselves which contents are damaged.
   */
  get unjudged(): Contents {
    return new Contents(this.blobs, 'judged by the reader');
  }

  /**
   * Returns the bytes of a part, in pieces of at most {@link limits.chunkBytesDefault}. Everything needed from the
   * index is read before this resolves, so that a snapshot may be disposed then.
   *
   * @throws Failure DATA_LOSS, when opening or while reading, if a stored byte is missing or does not match.
   */
  async open(
    reader: Reader,
    ns: string,
    content: Wanted,
    part: Part,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const stored = await this.stored(reader, ns, content);
    if (part.length === 0) return fromMemory(new Uint8Array(0));
    if (stored.record.name === undefined) {
      const bytes = await this.inline(reader, stored);
      return fromMemory(bytes.subarray(part.offset, part.offset + part.length));
    }
    const { firstBlock, lastBlock } = readPlan({ sizeBytes: content.size, ...part });
    const crcs = await this.crcs(reader, stored, firstBlock, lastBlock);
    const firstRow = Math.floor(firstBlock / crcRowBlocks);
    return this.telling(stored, part, this.fileReader(stored.record, { crcs, firstRow }, signal));
  }

  /**
   * Returns a function that opens any parts of a content, as often as it is called. Everything needed from the index is
   * read before this resolves: four bytes for each MiB of the content.
   *
   * @throws Failure as {@link open}.
   */
  async opener(
    reader: Reader,
    ns: string,
    content: Wanted,
    signal?: AbortSignal,
  ): Promise<(offset: number, length: number) => AsyncIterable<Uint8Array>> {
    const stored = await this.stored(reader, ns, content);
    if (stored.record.name === undefined) {
      const bytes = content.size === 0 ? new Uint8Array(0) : await this.inline(reader, stored);
      return (offset, length) => fromMemory(bytes.subarray(offset, offset + length));
    }
    const { lastBlock } = readPlan({ sizeBytes: content.size, offset: 0, length: content.size });
    const crcs = await this.crcs(reader, stored, 0, lastBlock);
    const read = this.fileReader(stored.record, { crcs, firstRow: 0 }, signal);
    return (offset, length) => this.telling(stored, { offset, length }, read);
  }

  /**
   * Returns a function that makes a URL for the content at its place, which reads no byte; undefined if the content is in
   * the index, or its place has no URLs. Everything needed from the index is read before this resolves. The function
   * returns undefined if no URL can be made now.
   *
   * @throws Failure as {@link open}, for damage that is known.
   */
  async linker(
    reader: Reader,
    ns: string,
    content: Wanted,
  ): Promise<((shown: ShownAs, signal?: AbortSignal) => Promise<ReadUrl | undefined>) | undefined> {
    const { name, generation } = (await this.stored(reader, ns, content)).record;
    if (name === undefined || generation === undefined) return undefined;
    return async (shown, signal) => await this.blobs.readUrl?.(name, generation, shown, signal);
  }

  /**
   * Returns a function that reads parts of a file and checks them. The given checksums are those of the rows from
   * `firstRow` on.
   */
  private fileReader(
    { name, size, generation }: BlobRecord,
    { crcs, firstRow }: { readonly crcs: Uint8Array; readonly firstRow: number },
    signal: AbortSignal | undefined,
  ): (part: Part) => AsyncIterable<Uint8Array> {
    return (part) => {
      const plan = readPlan({ sizeBytes: size, ...part });
      const row = Math.floor(plan.firstBlock / crcRowBlocks) - firstRow;
      const pieces = this.blobs.read(name!, plan.readOffset, plan.readLength, signal, generation);
      return verified(pieces, { plan, crcs: crcs.subarray(row * crcRowBytes) });
    };
  }

  /**
   * Returns true if the content {@link isThere} and all of it can be read now. A backend that computes checksums itself
   * has vouched for the bytes, which are not read then.
   */
  async isReadable(reader: Reader, ns: string, content: Wanted): Promise<boolean> {
    try {
      const found = await this.look(reader, ns, content);
      if (found !== 'there') return found === 'vouched for';
      return await isRead(await this.open(reader, ns, content, { offset: 0, length: content.size }));
    } catch (error) {
      if (error instanceof Failure) return false;
      throw error;
    }
  }

  /**
   * Returns true if the content exists with its size, no damage is known, and the index has everything needed to read
   * it. A file is not read.
   */
  async isThere(reader: Reader, ns: string, content: Wanted): Promise<boolean> {
    return (await this.look(reader, ns, content)) !== 'absent';
  }

  private async look(
    reader: Reader,
    ns: string,
    content: Wanted,
  ): Promise<'absent' | 'there' | 'vouched for'> {
    const { sha256, size } = content;
    try {
      const stored = await this.stored(reader, ns, content);
      const { name, generation, crc32c } = stored.record;
      if (name === undefined) {
        await this.inline(reader, stored);
        return 'there';
      }
      const { lastBlock } = readPlan({ sizeBytes: size, offset: 0, length: size });
      await this.crcs(reader, stored, 0, lastBlock);
      // If the file is absent, perhaps the whole disk is. Nothing is written down; the next look notices it again.
      const file = await this.blobs.stat(name, generation);
      if (file === undefined) return 'absent';
      if (file.sizeBytes === size && file.crc32c === crc32c)
        return crc32c === undefined ? 'there' : 'vouched for';
      const found =
        file.sizeBytes === size ? 'its CRC32C differs' : `${file.sizeBytes} bytes of ${size} are stored`;
      await this.tell(stored, lost(sha256, found));
      return 'absent';
    } catch (error) {
      if (failedWith(error, 'DATA_LOSS')) return 'absent';
      throw error;
    }
  }

  private inline(reader: Reader, stored: Stored): Promise<Uint8Array> {
    return this.told(stored, readInline(reader, stored));
  }

  private crcs(reader: Reader, stored: Stored, first: number, last: number): Promise<Uint8Array> {
    return this.told(stored, readCrcs(reader, stored.ns, stored.sha256, first, last));
  }

  private async told<T>(stored: Stored, reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      await this.tell(stored, error);
      throw error;
    }
  }

  /**
   * A block that cannot be read is read once more, as by scrub. If that succeeds, only the reader learns of the
   * failure.
   */
  private async *telling(
    stored: Stored,
    part: Part,
    read: (part: Part) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, void> {
    let offset = part.offset;
    try {
      for await (const piece of read(part)) {
        // The consumer may free the piece, which is then empty.
        const { length } = piece;
        yield piece;
        offset += length;
      }
    } catch (error) {
      if (failedWith(error, 'DATA_LOSS') && !(await isRead(read({ offset, length: 1 }))))
        await this.tell(stored, error);
      throw error;
    }
  }

  private async tell(stored: Stored, error: unknown): Promise<void> {
    if (this.onDamage === 'judged by the reader' || !failedWith(error, 'DATA_LOSS')) return;
    // What is noted about the damage is shown by fsck, with a next step of its own.
    await this.onDamage(stored, error.message.replace(remedy, ''));
  }

  private async stored(reader: Reader, ns: string, { sha256, size }: Wanted): Promise<Stored> {
    const value = await reader.get(keys.blobs.record.key(ns, sha256));
    if (value === undefined) throw lost(sha256, `its record is gone${remedy}`);
    const record = keys.blobs.record.decode(value);
    if (record.size !== size)
      throw lost(sha256, 'its recorded size differs; an operator must run "artifacta fsck"');
    if (record.quarantined && this.onDamage !== 'judged by the reader')
      throw lost(sha256, 'it is damaged; pushing the same bytes again heals it');
    return { ns, sha256, record };
  }
}

async function readInline(reader: Reader, { ns, sha256, record }: Stored): Promise<Uint8Array> {
  const bytes = await reader.get(bytesKey(ns, sha256, record));
  if (bytes?.length !== record.size) throw lost(sha256, `its bytes are gone${remedy}`);
  return bytes;
}

/** Returns the checksums of whole rows that cover some blocks, one after the other. */
async function readCrcs(reader: Reader, ns: string, sha256: Sha256, firstBlock: number, lastBlock: number) {
  const rows = await reader.getMany(crcKeys(ns, sha256, firstBlock, lastBlock));
  if (rows.some((row) => row === undefined)) throw lost(sha256, `its checksums are gone${remedy}`);
  return joinCrcs(rows as Uint8Array[]);
}

/** Returns false if the reading fails before the end. */
async function isRead(pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  try {
    for await (const _piece of pieces);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

async function* fromMemory(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += limits.chunkBytesDefault)
    yield bytes.subarray(at, at + limits.chunkBytesDefault);
}

/** What a caller can do about a content that the index does not know completely any more. */
const remedy = '; push the same bytes again, or ask an operator to run "artifacta fsck"';

function lost(sha256: Sha256, why: string): Failure {
  return new Failure('DATA_LOSS', `the content ${sha256} cannot be read: ${why}`, { metadata: { sha256 } });
}
