/** A content on its way into the index. */
import type { Sha256 } from '../../domain/digest.ts';

/** Received content, not yet referenced by anything. */
export type Content = {
  readonly sha256: Sha256;
  readonly size: number;
  /**
   * Whether the commit puts it in the place of what the namespace holds, whatever state that is in. If not, what is held
   * stays where no damage is known: inline bytes if they are the same, a file because it has just been read.
   */
  readonly replaces: boolean;
} & (
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'blob';
      readonly name: string;
      /** One CRC-32 a block, 4 bytes each, big endian. */
      readonly crcs: Uint8Array;
      /** The first `limits.previewBytesMax` bytes. */
      readonly head: Uint8Array;
      /**
       * When it was begun to make the staged bytes durable under `name`, which has succeeded, by the clock of the
       * index. Undefined while they are staged only.
       */
      readonly publishTime: number | undefined;
    }
);
