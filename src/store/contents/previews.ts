/** The beginnings of texts, for lists. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import { limits } from '../../domain/limits.ts';
import { beginningOf } from '../../domain/text.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Contents } from './contents.ts';

/** The number of contents that are looked up together: small ones are read whole. */
const readTogether = 16;

/**
 * Returns the first `bytesMax` bytes of each artifact that is text, by artifact id.
 *
 * The index has the previews of files, except those of files that were stored before previews existed: the first block
 * of these is read. A content that cannot be read has no preview; reading the artifact says why.
 */
export async function previewsOf(
  reader: Reader,
  contents: Contents,
  ns: string,
  artifacts: readonly Artifact[],
  bytesMax: number,
): Promise<ReadonlyMap<string, string>> {
  const previews = new Map<string, string>();
  for (let at = 0; at < artifacts.length; at += readTogether) {
    const some = artifacts.slice(at, at + readTogether);
    const inline = await reader.getMany(some.map(({ sha256 }) => keys.blobs.bytes.key(ns, sha256)));
    const kept = await reader.getMany(some.map(({ sha256 }) => keys.blobs.preview.key(ns, sha256)));
    for (const [order, artifact] of some.entries()) {
      const preview =
        shownOf(inline[order], artifact.sizeBytes, bytesMax) ??
        keptOf(kept[order], artifact.sizeBytes, bytesMax) ??
        inline[order] ??
        kept[order] ?? // Known not to be text.
        (await readOf(reader, contents, ns, artifact, bytesMax));
      if (typeof preview === 'string') previews.set(artifact.id, preview);
    }
  }
  return previews;
}

function shownOf(bytes: Uint8Array | undefined, size: number, bytesMax: number): string | undefined {
  const head = bytes?.subarray(0, limits.previewBytesMax);
  return head && beginningOf(head, head.length === size, bytesMax);
}

/** A kept preview may end within a character. It is empty if the content is not text. */
function keptOf(head: Uint8Array | undefined, size: number, bytesMax: number): string | undefined {
  return head === undefined || (head.length === 0 && size > 0)
    ? undefined
    : beginningOf(head, head.length === size, bytesMax);
}

async function readOf(
  reader: Reader,
  contents: Contents,
  ns: string,
  { sha256, sizeBytes: size }: Artifact,
  bytesMax: number,
): Promise<string | undefined> {
  const part = { offset: 0, length: Math.min(size, limits.previewBytesMax) };
  try {
    const pieces = await Array.fromAsync(await contents.open(reader, ns, { sha256, size }, part));
    return shownOf(Buffer.concat(pieces), size, bytesMax);
  } catch {
    return undefined;
  }
}
