/** The error for a name that does not become a path, with the reason. */
export class NameRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NameRefused';
  }
}

/**
 * Returns the parts of the path below some directory that a name stands for. Names come from a service that anyone may
 * run. So a name is refused if it could lead out of the directory, or means something else to a file system than to the
 * store.
 *
 * @throws NameRefused
 */
export function segmentsOf(name: string): [string, ...string[]] {
  const refused = (why: string) => new NameRefused(`cannot be the name of a file: ${why}`);
  if (name === '') throw refused('it is empty');
  if (!name.isWellFormed()) throw refused('it is not valid Unicode');
  if (/\p{Cc}/u.test(name)) throw refused('it contains a control character');
  if (name.includes('\\')) throw refused('it contains a backslash');
  if (name.startsWith('/')) throw refused('it is an absolute path');
  const segments = name.split('/');
  for (const segment of segments) {
    if (segment === '') throw refused('it has an empty segment');
    if (segment === '.' || segment === '..') throw refused(`it has a segment "${segment}"`);
  }
  return segments as [string, ...string[]];
}

/**
 * The names that were given to one directory. No two may need the same file, or one as a file and the other as a
 * directory.
 */
export class TargetNames {
  private readonly fold: (path: string) => string;
  private readonly files = new Map<string, string>();
  /** Each directory, with a name that needs it. */
  private readonly directories = new Map<string, string>();

  /** @param foldsCase whether names that differ only in case, or in how Unicode writes them, are one file. */
  constructor(foldsCase: boolean) {
    this.fold = foldsCase ? folded : (path) => path;
  }

  /** Returns true if the name, letter for letter, was claimed before. */
  has(name: string): boolean {
    return this.files.get(this.fold(name)) === name;
  }

  /**
   * Claims a name for a file, or refuses it without a change.
   *
   * @throws NameRefused that also names the other.
   */
  claim(name: string): [string, ...string[]] {
    const segments = segmentsOf(name);
    const key = this.fold(name);
    const same = this.files.get(key);
    if (same !== undefined)
      throw new NameRefused(`${name} and ${same} would be one file on this file system; ${alone}`);
    const below = this.directories.get(key);
    if (below !== undefined)
      throw new NameRefused(
        `${name} cannot be written as a file, because ${below} needs a directory of that name; ${alone}`,
      );
    const directories = segments.slice(1).map((_, at) => segments.slice(0, at + 1).join('/'));
    for (const directory of directories) {
      const file = this.files.get(this.fold(directory));
      if (file !== undefined)
        throw new NameRefused(
          `${name} cannot be written, because ${file} is a file and would have to be a directory; ${alone}`,
        );
    }
    this.files.set(key, name);
    for (const directory of directories) this.directories.set(this.fold(directory), name);
    return segments;
  }
}

/** What a user can do about two names that exclude each other. */
const alone = 'pull one of them alone, with --to FILE';

/** Returns the path as the least discerning file systems compare names. */
function folded(path: string): string {
  return path.normalize('NFD').toUpperCase().toLowerCase().normalize('NFD');
}
