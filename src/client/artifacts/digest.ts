import type { CallSettings } from '../wire/calls.ts';
import type { Sha256 } from '../wire/platform.ts';
import { type Content, unlessAborted } from './content.ts';

/** How a content is read for its digest. */
export interface DigestOptions extends CallSettings {
  /** Called with the number of bytes read so far, after each piece. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Reads content to its end and returns its SHA-256, in 64 lower-case hexadecimal characters. Undefined if it has more
 * or fewer bytes than it states; content with more is not read to its end.
 *
 * @throws errors of the source; ArtifactaError CANCELLED when the signal is aborted, even while the source makes no
 * progress.
 */
export async function digestOf(
  content: Content,
  hash: Sha256,
  options: DigestOptions,
): Promise<string | undefined> {
  const { sizeBytes } = content;
  const pieces = content.open()[Symbol.asyncIterator]();
  let read = 0;
  try {
    for (;;) {
      const next = await unlessAborted(pieces.next(), options.signal);
      if (next.done) return sizeBytes === undefined || read === sizeBytes ? hash.hex() : undefined;
      read += next.value.byteLength;
      if (sizeBytes !== undefined && read > sizeBytes) return undefined;
      hash.update(next.value);
      options.onBytes?.(read);
    }
  } finally {
    // The call is not awaited: a source that makes no progress would delay the answer.
    pieces.return?.().catch(() => {});
  }
}
