import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArtifactRef } from '../artifacts/artifact.ts';
import type { Store } from '../store.ts';
import type { CallSettings } from '../wire/calls.ts';
import { save } from './save.ts';
import { Target } from './target.ts';
import { segmentsOf } from './target-names.ts';

/** How to pull. */
export interface PullOptions extends CallSettings {
  /** Called with the number of bytes that have arrived, after each piece. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Writes an artifact to a file. The file gets its name when all bytes have arrived and have their SHA-256, in place of
 * another file of that name. A file that has these bytes already is left alone.
 *
 * @param to a file, or a directory that exists or ends in `/`. Default: the last part of the artifact's name, in the
 * current directory.
 * @returns the path of the file.
 * @throws CannotWrite, NameRefused, or ArtifactaError; nothing is left behind then.
 */
export async function pull(
  client: Pick<Store, 'get' | 'open'>,
  ref: ArtifactRef,
  to: string | undefined,
  { signal, onProgress }: PullOptions,
): Promise<string> {
  const artifact = await client.get(ref, { signal });
  const { directory, name } = await placeFor(to, artifact.name);
  const target = await Target.open(directory, { create: false });
  await save(client, artifact, target, [name], { signal, onBytes: onProgress });
  return join(directory, name);
}

/** Returns the place of one artifact: in an existing directory, or at a file of that name. */
export async function placeFor(
  to: string | undefined,
  artifactName: string,
): Promise<{ readonly directory: string; readonly name: string }> {
  const lastSegment = () => segmentsOf(artifactName).at(-1)!;
  if (to === undefined) return { directory: '.', name: lastSegment() };
  const isDirectory = await stat(to).then(
    (stats) => stats.isDirectory(),
    () => to.endsWith('/'),
  );
  if (isDirectory) return { directory: to, name: lastSegment() };
  return { directory: dirname(to), name: basename(to) };
}
