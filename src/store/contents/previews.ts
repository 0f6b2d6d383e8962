/** The beginnings of texts, for lists. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import { limits } from '../../domain/limits.ts';
import { beginningOf } from '../../domain/text.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { bytesKey } from '../rows/blob-rows.ts';
import { damaged, valuesOf } from '../rows/damaged-rows.ts';
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
    const found = await beginningsOf(reader, ns, some);
    for (const [order, artifact] of some.entries()) {
      const beginning = found[order];
      const preview =
        beginning === undefined
          ? await readOf(reader, contents, ns, artifact, bytesMax)
          : keptOf(beginning, artifact.sizeBytes, bytesMax);
      if (preview !== undefined) previews.set(artifact.id, preview);
    }
  }
  return previews;
}

/** Returns what the index has of the beginning of each content: the bytes of a small one, the preview of a file. */
async function beginningsOf(
  reader: Reader,
  ns: string,
  artifacts: readonly Artifact[],
): Promise<(Uint8Array | undefined)[]> {
  const records = await valuesOf(
    reader,
    artifacts.map(({ sha256 }) => keys.blobs.record.key(ns, sha256)),
  );
  const rows = artifacts.map(({ sha256 }, order) => {
    const value = records[order];
    const record = value instanceof Uint8Array ? keys.blobs.record.decode(value) : undefined;
    return record === undefined || record.name !== undefined
      ? keys.blobs.preview.key(ns, sha256)
      : bytesKey(ns, sha256, record);
  });
  const beginnings = await valuesOf(reader, rows);
  return beginnings.map((value) => (value === damaged ? undefined : value));
}

/** A beginning may end within a character. A kept preview is empty if the content is not text. */
function keptOf(beginning: Uint8Array, size: number, bytesMax: number): string | undefined {
  const head = beginning.subarray(0, limits.previewBytesMax);
  return head.length === 0 && size > 0 ? undefined : beginningOf(head, head.length === size, bytesMax);
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
    return keptOf(Buffer.concat(pieces), size, bytesMax);
  } catch {
    return undefined;
  }
}
