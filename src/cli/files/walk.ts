import { Buffer, isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { UsageError } from '../exit.ts';
import type { OwnDirectory } from '../io.ts';
import { faultOf } from './outside.ts';

/** What was found at a path. */
type Found =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** What the artifact is called: the file's own name, or its way below the directory, with `/`. */
      readonly name: string;
      /** False: the path itself must not be a symbolic link. */
      readonly followLink: boolean;
    }
  /** Left out on purpose; no failure. */
  | { readonly kind: 'skipped'; readonly path: string; readonly why: string }
  /** Cannot be pushed. */
  | { readonly kind: 'refused'; readonly path: string; readonly error: Error };

/**
 * A file, or all files of a directory and those below it, by name. What the user names is followed if it is a link;
 * links inside a directory are followed only to files inside it. What is the store's own is left out, and refused where
 * the user names it.
 */
export async function* walk(path: string, own: OwnDirectory | undefined): AsyncGenerator<Found, void, void> {
  const fault = faultOf(own, path);
  if (fault !== undefined) {
    yield { kind: 'refused', path, error: new UsageError(fault) };
    return;
  }
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(path)).isDirectory();
  } catch (error) {
    yield { kind: 'refused', path, error: error as Error };
    return;
  }
  if (isDirectory) yield* below(path, '', { root: await realpath(path), own });
  else yield { kind: 'file', path, name: basename(resolve(path)), followLink: true };
}

interface Walked {
  /** Without symbolic links. */
  readonly root: string;
  readonly own: OwnDirectory | undefined;
}

async function* below(directory: string, prefix: string, walked: Walked): AsyncGenerator<Found, void, void> {
  let entries: Dirent<Buffer>[];
  try {
    entries = await readdir(directory, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    yield { kind: 'refused', path: directory, error: error as Error };
    return;
  }
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const entry of entries) {
    const text = entry.name.toString('utf8');
    const path = join(directory, text);
    const name = `${prefix}${text}`;
    if (!isUtf8(entry.name)) yield { kind: 'refused', path, error: new Error('its name is not valid UTF-8') };
    else if ((entry.isDirectory() || entry.isFile()) && walked.own?.holds(path))
      yield { kind: 'skipped', path, why: ownWhy(entry.isDirectory()) };
    else if (entry.isDirectory()) yield* below(path, `${name}/`, walked);
    else if (entry.isSymbolicLink()) yield await throughLink(path, name, walked);
    else if (entry.isFile()) yield { kind: 'file', path, name, followLink: false };
    else
      yield {
        kind: 'refused',
        path,
        error: new Error('is a pipe, a socket or a device, not a regular file'),
      };
  }
}

function ownWhy(isDirectory: boolean): string {
  return isDirectory ? 'it is the data directory' : 'it is in the data directory';
}

async function throughLink(path: string, name: string, { root, own }: Walked): Promise<Found> {
  const skipped = (why: string): Found => ({ kind: 'skipped', path, why });
  try {
    const target = await realpath(path);
    const way = relative(root, target);
    if (way === '..' || way.startsWith(`..${sep}`))
      return skipped('it is a symbolic link out of the directory');
    const stats = await stat(target);
    if (stats.isDirectory()) return skipped('it is a symbolic link to a directory');
    if (own?.holds(target)) return skipped('it is a symbolic link into the data directory');
    return { kind: 'file', path: target, name, followLink: false };
  } catch {
    return skipped('it is a symbolic link that leads nowhere');
  }
}
