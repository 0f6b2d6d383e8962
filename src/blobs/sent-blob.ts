/** A blob that somebody else has sent to its place, and that is read back here before it is used. */
import { Failure } from '../domain/errors.ts';
import type { BlobStat, BlobVersion, StagedBlob } from './blob-store.ts';
import { Crc32c } from './crc32c.ts';

/**
 * Stands for a blob that exists already, in place of one that is being written. `write` takes the bytes that were read
 * back. `commit` gives the version of the blob. Discarding leaves the blob, which was not written here.
 */
export class SentBlob implements StagedBlob {
  readonly name: string;
  private readonly stat: BlobStat & BlobVersion;
  private readonly crc = new Crc32c();
  bytesWritten = 0;

  /** @param stat what the store says of the blob. */
  constructor(name: string, stat: BlobStat & BlobVersion) {
    this.name = name;
    this.stat = stat;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.crc.update(bytes);
    this.bytesWritten += bytes.length;
  }

  /**
   * Compares the bytes with what the store says of the blob.
   *
   * @throws Failure STORE_UNAVAILABLE if they are others: they have changed on their way here, and the blob may be sound.
   */
  requireSame(): void {
    const { sizeBytes, crc32c } = this.stat;
    if (this.bytesWritten === sizeBytes && this.crc.text() === crc32c) return;
    throw new Failure(
      'STORE_UNAVAILABLE',
      'the bytes that were read back are not those that the bucket has: try again',
    );
  }

  async commit(): Promise<BlobVersion> {
    this.requireSame();
    const { generation, crc32c } = this.stat;
    return { generation, crc32c };
  }

  async discard(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
