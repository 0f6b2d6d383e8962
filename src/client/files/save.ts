import type { Artifact } from '../artifacts/artifact.ts';
import { ArtifactaError } from '../errors.ts';
import type { Store } from '../store.ts';
import { inWords } from './cannot-write.ts';
import { sha256Of } from './digest.ts';
import { FileUnsuitable, fileContent } from './file.ts';
import type { Segments, Target } from './target.ts';

/** The result for a file. */
export type Saved = 'new' | 'replaced' | 'unchanged';

interface SaveOptions {
  /** Returns the error for a file that has other bytes, with its path. Default: such a file is replaced. */
  readonly refuseOther?: ((shown: string) => Error) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of bytes that have arrived, after each piece. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Writes an artifact to a file, unless the file has the same bytes already. The file gets its name only when all the
 * bytes have arrived and have the digest that was listed.
 *
 * @throws CannotWrite, the error of `refuseOther`, or ArtifactaError; nothing is left behind then.
 */
export async function save(
  client: Pick<Store, 'open'>,
  artifact: Artifact,
  target: Target,
  segments: Segments,
  options: SaveOptions,
): Promise<Saved> {
  try {
    const isSame = await target.look(segments, (path) => hasBytesOf(path, artifact, options));
    if (isSame !== undefined) {
      if (isSame) return 'unchanged';
      if (options.refuseOther !== undefined) throw options.refuseOther(target.shownPath(segments));
    }
    await fetch(client, artifact, target, segments, options);
    return isSame === undefined ? 'new' : 'replaced';
  } catch (error) {
    throw inWords(error, target.shownPath(segments));
  }
}

async function fetch(
  client: Pick<Store, 'open'>,
  artifact: Artifact,
  target: Target,
  segments: Segments,
  { signal, onBytes }: SaveOptions,
): Promise<void> {
  await using download = await client.open(artifact.id, { signal });
  if (download.artifact.sha256 !== artifact.sha256 || download.artifact.sizeBytes !== artifact.sizeBytes)
    throw new ArtifactaError(
      `the service sent other content for ${artifact.id} than its list says; run the pull again`,
      { code: 'DATA_LOSS' },
    );
  await using file = await target.create(segments);
  let received = 0;
  for await (const chunk of download) {
    await file.write(chunk);
    received += chunk.byteLength;
    onBytes?.(received);
  }
  await file.commit();
}

/** Whether a file has the bytes of an artifact. */
async function hasBytesOf(path: string, artifact: Artifact, { signal }: SaveOptions): Promise<boolean> {
  try {
    const content = await fileContent(path, { followLink: false });
    if (content.sizeBytes !== artifact.sizeBytes) return false;
    return (await sha256Of(content, { signal })) === artifact.sha256;
  } catch (error) {
    if (error instanceof FileUnsuitable) return false;
    throw error;
  }
}
