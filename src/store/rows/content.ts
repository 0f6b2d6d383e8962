/** A content on its way into the index. */
import type { BlobVersion } from '../../blobs/blob-store.ts';
import type { Sha256 } from '../../domain/digest.ts';

/** A received content that nothing references yet. */
export type Content = {
  readonly sha256: Sha256;
  readonly size: number;
  /**
   * True: the commit puts it in the place of the content that the namespace has, whatever the state of that content.
   * False: the stored content stays where no damage is known. That is so for inline bytes if they are the same, and for a
   * file because it has just been read.
   */
  readonly replaces: boolean;
} & (
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'blob';
      readonly name: string;
      /** One CRC-32 per block, 4 bytes each, big endian. */
      readonly crcs: Uint8Array;
      /** The first `limits.previewBytesMax` bytes. */
      readonly head: Uint8Array;
      /**
       * The time when the work of making the staged bytes durable under `name` began, by the clock of the index; it has
       * succeeded. Undefined while they are only staged.
       */
      readonly publishTime: number | undefined;
      /**
       * For a file that a client has sent: the `notBefore` of its name while it was awaited. Absent: the file was written
       * here, under a name that no row had.
       */
      readonly awaitedUntil?: number;
      /** The version that the blob store gave the published bytes; absent if it gives none. */
      readonly version?: BlobVersion;
    }
);
