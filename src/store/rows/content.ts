/** A content on its way into the index. */
import type { Sha256 } from '../../domain/digest.ts';

/**
 * What a commit does where the namespace holds the content already and knows of no damage.
 *
 * - `join`: what is held has been read through its checksums, and is referenced.
 * - `check`: nobody has read it; the commit is refused with `ContentUnchecked`.
 * - `replace`: our copy takes its place, whatever state it is in.
 */
export type IfHeld = 'join' | 'check' | 'replace';

/** Received content, not yet referenced by anything. */
export type Content = {
  readonly sha256: Sha256;
  readonly size: number;
  readonly ifHeld: IfHeld;
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
