/**
 * Only the store reads and writes the files in the data directory. If another part of this process opens and closes one
 * of the files that are locked, the lock is dropped. The other files belong to the store alone.
 */
import { type BigIntStats, readlinkSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SettingError } from '../settings/source.ts';

/** The directories where LevelDB may have a lock: it locks a file `LOCK`. */
const lockedDirectories = ['lock', 'index', 'index.rebuild/lock', 'index.rebuild/new'];
/** The directories that may be mounted elsewhere too. */
const directories = [...lockedDirectories, 'index.rebuild', 'blobs', 'exports', 'tmp', 'run'];
const linksMax = 40;

/** The data directory, as distinct from the files of users. */
export class OwnDirectory {
  /** Absolute. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Whether a path leads into the directory, in any spelling or through links, and whether or not something exists
   * there; or to one of its locks by another name. Each call looks up everything, and opens nothing.
   */
  contains(path: string): boolean {
    const own = identitiesOf([this.path, ...directories.map((name) => join(this.path, name))]);
    if (own.size === 0) return false;
    const real = resolved(path, linksMax);
    for (let at = real; ; at = dirname(at)) {
      const identity = identityOf(at);
      if (identity !== undefined && own.has(identity)) return true;
      if (at === dirname(at)) break;
    }
    const found = identityOf(real);
    const locks = lockedDirectories.map((name) => join(this.path, name, 'LOCK'));
    return found !== undefined && identitiesOf(locks).has(found);
  }

  /** Whether it contains a path, or will when both have been made. */
  willContain(path: string): boolean {
    const own = resolved(this.path, linksMax);
    return (
      this.contains(path) || `${resolved(path, linksMax)}/`.startsWith(own.endsWith('/') ? own : `${own}/`)
    );
  }
}

/** Refuses a path in the data directory. @throws SettingError that names the path. */
export function requireOutside(own: OwnDirectory, path: string): void {
  if (own.contains(path)) throw new SettingError(path, `must not be in the data directory ${own.path}`);
}

/** Returns a reader of files that settings name. @throws SettingError for one in the data directory. */
export function outsideReader(own: OwnDirectory): (path: string) => Promise<Buffer> {
  return async (path) => {
    requireOutside(own, path);
    return await readFile(path);
  };
}

function identitiesOf(paths: readonly string[]): Set<string> {
  return new Set(paths.map(identityOf).filter((identity) => identity !== undefined));
}

/**
 * Returns device and inode, which are the same by every name. Undefined: nothing exists there, or this user may not
 * look at it.
 */
function identityOf(path: string): string | undefined {
  const stats = attempt((): BigIntStats => statSync(path, { bigint: true }));
  return stats && `${stats.dev}:${stats.ino}`;
}

/** Returns the path without links and dots, for the part of it that exists. */
function resolved(path: string, linksLeft: number): string {
  const real = attempt(() => realpathSync.native(path));
  if (real !== undefined) return real;
  const above = dirname(path);
  if (above === path) return path;
  const link = linksLeft > 0 ? attempt(() => readlinkSync(path)) : undefined;
  const parent = resolved(above, linksLeft);
  if (link === undefined) return join(parent, basename(path));
  return resolved(link.startsWith('/') ? link : `${parent}/${link}`, linksLeft - 1);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
