/** A name that is not turned into a path, and why. */
export class NameRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NameRefused';
  }
}

/**
 * The parts of a path below some directory that a name stands for. Names come from a service that may be anybody's, so
 * that what could lead out of the directory, or means something else to a file system than to the store, is refused.
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

/** The names that were given to one directory, of which no two may want the same file, or one file and directory. */
export class TargetNames {
  private readonly fold: (path: string) => string;
  private readonly files = new Map<string, string>();
  /** Each directory, with a name that needs it. */
  private readonly directories = new Map<string, string>();

  /** @param foldsCase names that differ only in case, or in how Unicode writes them, are one file. */
  constructor(foldsCase: boolean) {
    this.fold = foldsCase ? folded : (path) => path;
  }

  /** True if the name, letter for letter, was claimed before. */
  has(name: string): boolean {
    return this.files.get(this.fold(name)) === name;
  }

  /**
   * Claims a name for a file, or refuses it and stays as it was.
   *
   * @throws NameRefused naming the other as well.
   */
  claim(name: string): [string, ...string[]] {
    const segments = segmentsOf(name);
    const key = this.fold(name);
    const same = this.files.get(key);
    if (same !== undefined) throw new NameRefused(`${name} would be the same file as ${same} here`);
    const below = this.directories.get(key);
    if (below !== undefined) throw new NameRefused(`${name} would be a directory here, because of ${below}`);
    const directories = segments.slice(1).map((_, at) => segments.slice(0, at + 1).join('/'));
    for (const directory of directories) {
      const file = this.files.get(this.fold(directory));
      if (file !== undefined)
        throw new NameRefused(`${name} would lie below ${file} here, which is a file already`);
    }
    this.files.set(key, name);
    for (const directory of directories) this.directories.set(this.fold(directory), name);
    return segments;
  }
}

/** As the least discerning file systems compare names. */
function folded(path: string): string {
  return path.normalize('NFD').toUpperCase().toLowerCase().normalize('NFD');
}
