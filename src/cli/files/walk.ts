import { Buffer, isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../exit.ts';
import type { OwnDirectory } from '../io.ts';
import { type Exclusions, ignoreFileName } from './exclusions.ts';
import { type LinkRule, lookThrough, skippedLink } from './links.ts';
import { faultOf, outsideOnly } from './outside.ts';

/** The reason why something is left out on purpose. */
export type LeftOutReason = 'excluded' | 'data_directory' | 'link' | 'link_outside' | 'link_broken' | 'loop';

/** The result for a path. */
type WalkResult =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** The name of the artifact: the file's own name, or its path below the directory, with `/`. */
      readonly name: string;
      /** False: the path itself must not be a symbolic link. */
      readonly followLink: boolean;
    }
  /** Left out on purpose, not a failure. `why` ends a sentence about it. */
  | { readonly kind: 'skipped'; readonly path: string; readonly reason: LeftOutReason; readonly why: string }
  /** A path that cannot be pushed. */
  | { readonly kind: 'refused'; readonly path: string; readonly error: Error };

/** How a tree is walked. */
interface WalkOptions {
  /** The data directory: it is left out, and refused if the user names it. */
  readonly own: OwnDirectory | undefined;
  /** The treatment of symbolic links inside a directory. Links that the user names are followed. */
  readonly links: LinkRule;
  /** The exclusions by the path from the directory that the user names; for a file that is named, by its name. */
  readonly exclusions: Exclusions;
}

/** Yields a file, or all files of a directory and those below it, by name. */
export async function* walk(path: string, options: WalkOptions): AsyncGenerator<WalkResult, void, void> {
  const fault = faultOf(options.own, path);
  if (fault !== undefined) {
    yield { kind: 'refused', path, error: new UsageError(fault) };
    return;
  }
  const name = basename(resolve(path));
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(path)).isDirectory();
  } catch (error) {
    // Arguments that are not UTF-8 arrive in the form in which they are shown, and open nothing.
    if (!(await isShownForm(path))) yield { kind: 'refused', path, error: error as Error };
    else if (options.exclusions.excludes(name, false)) yield excluded(path);
    else yield { kind: 'refused', path, error: notUtf8(name) };
    return;
  }
  if (isDirectory) {
    const real = await realpath(path);
    const { exclusions } = options;
    yield* below({ path, real, prefix: '', exclusions, above: [] }, { ...options, root: real });
  } else if (options.exclusions.excludes(name, false)) yield excluded(path);
  else yield { kind: 'file', path, name, followLink: true };
}

interface Walked extends WalkOptions {
  /** The root, without symbolic links. */
  readonly root: string;
}

/** A directory of the walk. */
interface Place {
  /** The path as it is shown. */
  readonly path: string;
  /** The same without symbolic links. */
  readonly real: string;
  /** The beginning of the names of its files. */
  readonly prefix: string;
  readonly exclusions: Exclusions;
  /** The directories on the way to it, without symbolic links. */
  readonly above: readonly string[];
}

async function* below(place: Place, walked: Walked): AsyncGenerator<WalkResult, void, void> {
  const { own } = walked;
  let entries: Dirent<Buffer>[];
  let exclusions: Exclusions;
  try {
    entries = await readdir(place.path, { withFileTypes: true, encoding: 'buffer' });
    // The ignore file is read only if it exists: a tree has many directories.
    exclusions = entries.some(({ name }) => name.toString('utf8') === ignoreFileName)
      ? await place.exclusions.within(place.path, place.prefix, outsideOnly(own))
      : place.exclusions;
  } catch (error) {
    // An ignore file that cannot be read does not cause the push of files that it would have excluded.
    yield { kind: 'refused', path: pathOf(error) ?? place.path, error: error as Error };
    return;
  }
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const entry of entries) yield* entered(entry, { ...place, exclusions }, walked);
}

async function* entered(
  entry: Dirent<Buffer>,
  place: Place,
  walked: Walked,
): AsyncGenerator<WalkResult, void, void> {
  const text = entry.name.toString('utf8');
  const path = join(place.path, text);
  const name = `${place.prefix}${text}`;
  // A name that is not UTF-8 is also judged by the form in which it is shown: otherwise no pattern could exclude it.
  if (text === ignoreFileName || place.exclusions.excludes(name, entry.isDirectory())) yield excluded(path);
  else if (!isUtf8(entry.name)) yield* misnamed(entry, path, name, place, walked);
  else if ((entry.isDirectory() || entry.isFile()) && walked.own?.contains(path))
    yield { kind: 'skipped', path, reason: 'data_directory', why: ownWhy(entry.isDirectory()) };
  else if (entry.isDirectory()) yield* into(path, join(place.real, text), text, place, walked);
  else if (entry.isSymbolicLink()) yield* throughLink(path, text, place, walked);
  else if (entry.isFile()) yield { kind: 'file', path, name, followLink: false };
  else
    yield {
      kind: 'refused',
      path,
      error: new Error('is a pipe, a socket or a device, not a regular file'),
    };
}

/** Yields what cannot be pushed because of its name, unless it is left out because of its kind. */
async function* misnamed(
  entry: Dirent<Buffer>,
  path: string,
  name: string,
  place: Place,
  { links }: Walked,
): AsyncGenerator<WalkResult, void, void> {
  if (!entry.isSymbolicLink()) yield { kind: 'refused', path, error: notUtf8(`/${name}`) };
  else if (links === 'skip') yield { kind: 'skipped', path, ...skippedLink };
  else {
    const real = Buffer.concat([Buffer.from(`${place.real}/`), entry.name]);
    const isDirectory = await stat(real).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (isDirectory && place.exclusions.excludes(name, true)) yield excluded(path);
    else yield { kind: 'refused', path, error: notUtf8(`/${name}`) };
  }
}

/** @param shown its path from the root, as patterns write it. */
function notUtf8(shown: string): Error {
  // A character that a pattern or a shell reads differently, or that is hard to type, stands as any character.
  const pattern = shown.replace(/[^\p{L}\p{N}._/-]/gu, (character) => '?'.repeat(character.length));
  return new Error(`its name is not valid UTF-8: rename it, or leave it out with --exclude '${pattern}'`);
}

/**
 * Returns true for a path that leads nowhere if a neighbour has a name that is not UTF-8 and is shown in the same form.
 */
async function isShownForm(path: string): Promise<boolean> {
  const name = basename(resolve(path));
  if (!name.includes('\ufffd')) return false;
  const beside = await readdir(dirname(resolve(path)), { encoding: 'buffer' }).catch(() => []);
  return beside.some((one) => !isUtf8(one) && one.toString('utf8') === name);
}

function excluded(path: string): WalkResult {
  return { kind: 'skipped', path, reason: 'excluded', why: 'it is excluded' };
}

function ownWhy(isDirectory: boolean): string {
  return isDirectory ? 'it is the data directory' : 'it is in the data directory';
}

/** Enters a directory unless it is one of those on the way: links may form circles. */
async function* into(
  path: string,
  real: string,
  name: string,
  place: Place,
  walked: Walked,
): AsyncGenerator<WalkResult, void, void> {
  const above = [...place.above, place.real];
  if (above.includes(real))
    yield { kind: 'skipped', path, reason: 'loop', why: 'it leads back to a parent directory' };
  else
    yield* below(
      { path, real, prefix: `${place.prefix}${name}/`, exclusions: place.exclusions, above },
      walked,
    );
}

async function* throughLink(
  path: string,
  text: string,
  place: Place,
  walked: Walked,
): AsyncGenerator<WalkResult, void, void> {
  const name = `${place.prefix}${text}`;
  const seen = await lookThrough(path, walked);
  if (seen.kind === 'directory' && place.exclusions.excludes(name, true)) yield excluded(path);
  else if (seen.kind === 'skipped') yield { path, ...seen };
  else if (seen.kind === 'refused') yield { path, ...seen };
  else if (seen.kind === 'file') yield { kind: 'file', path: seen.target, name, followLink: false };
  else if (walked.links !== 'follow')
    yield {
      kind: 'refused',
      path,
      error: new Error(
        'is a symbolic link to a directory: --links follow stores what is in it, --links skip leaves it out',
      ),
    };
  else yield* into(path, seen.target, text, place, walked);
}

function pathOf(error: unknown): string | undefined {
  return (error as { path?: string }).path;
}
