/** Reads a whole content, as a download would, and hashes it, to decide whether it is unchanged. */
import { createHash, type Hash } from 'node:crypto';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import type { Index } from '../../index/door.ts';
import type { BlobRecord } from '../../index/records.ts';
import type { Contents } from './contents.ts';

/** The bytes read at once, between two looks at the clock. */
const pieceBytes = 64 * 1024 * 1024;

/** The result of reading a content. */
export type Verdict =
  | { readonly kind: 'sound' }
  /** The bytes exist and are wrong; or nothing exists. */
  | { readonly kind: 'damaged'; readonly message: string }
  /** The bytes cannot be read. The fault may be of the disk, or of this process, and not of the bytes. */
  | { readonly kind: 'unreadable'; readonly failure: Failure };

/** One content that is being read, in as many pieces as its reader likes. */
export class ContentProbe {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly record: BlobRecord;
  private readonly index: Index;
  private readonly contents: Contents;
  private readonly hash: Hash = createHash('sha256');
  /** The number of bytes that were read. */
  position = 0;

  constructor(
    { index, contents }: { readonly index: Index; readonly contents: Contents },
    content: { readonly ns: string; readonly sha256: Sha256; readonly record: BlobRecord },
  ) {
    this.index = index;
    this.contents = contents;
    this.ns = content.ns;
    this.sha256 = content.sha256;
    this.record = content.record;
  }

  /** Reads the next piece. @returns the verdict, when it is known. */
  async readPiece(): Promise<Verdict | undefined> {
    const { ns, sha256, record } = this;
    const content = { sha256, size: record.size };
    const length = Math.min(pieceBytes, record.size - this.position);
    try {
      const part = { offset: this.position, length };
      for await (const piece of await this.contents.open(this.index, ns, content, part)) {
        this.hash.update(piece);
        this.position += piece.length;
      }
    } catch (error) {
      if (failedWith(error, 'DATA_LOSS')) return { kind: 'damaged', message: error.message };
      if (error instanceof Failure) return { kind: 'unreadable', failure: error };
      throw error;
    }
    if (this.position < record.size) return undefined;
    if (this.hash.digest('hex') === sha256) return { kind: 'sound' };
    return {
      kind: 'damaged',
      message: 'every block matches its checksum, but the whole has another SHA-256',
    };
  }

  /** Reads the rest. */
  async finish(): Promise<Verdict> {
    for (;;) {
      const verdict = await this.readPiece();
      if (verdict !== undefined) return verdict;
    }
  }
}

/**
 * Returns true if the device says that it cannot read existing data; false for a fault that may pass, e.g. too many
 * open files.
 */
export function isDeviceError({ cause }: Failure): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'EIO' || cause.code === 'EUCLEAN');
}
