import { createHash } from 'node:crypto';
import type { CallSettings } from '../wire/calls.ts';
import { type Content, unlessAborted } from './content.ts';

/** How {@link sha256Of} reads. */
export interface DigestOptions extends CallSettings {
  /** Told how many bytes have been read, after each piece. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Reads a content to its end for its SHA-256, in 64 lower-case hexadecimal characters. Undefined if the bytes are more
 * or fewer than it says; more are not read to their end.
 *
 * @throws whatever the source throws; ArtifactaError CANCELLED when the signal says so, also while the source stands
 * still.
 */
export async function sha256Of(content: Content, options: DigestOptions = {}): Promise<string | undefined> {
  const { sizeBytes } = content;
  const hash = createHash('sha256');
  const pieces = content.open()[Symbol.asyncIterator]();
  let read = 0;
  try {
    for (;;) {
      const next = await unlessAborted(pieces.next(), options.signal);
      if (next.done) return sizeBytes === undefined || read === sizeBytes ? hash.digest('hex') : undefined;
      read += next.value.byteLength;
      if (sizeBytes !== undefined && read > sizeBytes) return undefined;
      hash.update(next.value);
      options.onBytes?.(read);
    }
  } finally {
    // Not waited for: a source that stands still would hold up the answer.
    pieces.return?.().catch(() => {});
  }
}
