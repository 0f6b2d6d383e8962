import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { OwnDirectory } from '../io.ts';
import { CannotWrite, inWords } from './cannot-write.ts';
import { removeLeftOvers } from './left-overs.ts';
import { requireOutside } from './outside.ts';

/** The way to a file below a {@link Target}: directories, then the file. */
export type Segments = readonly [string, ...string[]];

/** Makes names that nobody else uses. */
type Unique = () => string;

interface TargetOptions {
  /** It may be new, unlike its parent. */
  readonly create: boolean;
  /** Into which nothing is written. Default: none is known. */
  readonly own?: OwnDirectory | undefined;
  readonly unique?: Unique;
}

/**
 * A directory that files are written into, and never beside: no symbolic link below it is followed. What was looked at
 * is looked at again before a file gets its name; between the two, whoever may write to the directory could still
 * redirect where a temporary file lies, but not the name that it gets. Nor is anything in the data directory looked at.
 */
export class Target {
  /** As the user named it, for messages. */
  readonly shown: string;
  /** Without symbolic links. */
  private readonly root: string;
  private readonly unique: Unique;
  private readonly own: OwnDirectory | undefined;
  private readonly tidied = new Map<string, Promise<void>>();

  private constructor(shown: string, root: string, { unique = randomUUID, own }: TargetOptions) {
    this.shown = shown;
    this.root = root;
    this.unique = unique;
    this.own = own;
  }

  /**
   * Opens a directory, which the user may well have named through links.
   *
   * @throws CannotWrite; UsageError for a path in the data directory.
   */
  static async open(path: string, options: TargetOptions): Promise<Target> {
    requireOutside(options.own, path);
    try {
      if (options.create) await mkdir(path).catch(ignoring('EEXIST'));
      const root = await realpath(path);
      if (!(await lstat(root)).isDirectory()) throw new CannotWrite(`${path} is not a directory`);
      return new Target(path, root, options);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw inWords(error, path);
      throw new CannotWrite(`there is no directory ${options.create ? dirname(path) : path}`, {
        cause: error,
      });
    }
  }

  /** The path of a file, for messages. */
  shownPath(segments: Segments): string {
    return join(this.shown, ...segments);
  }

  /** Whether two names that differ in case are one file here; false where that cannot be found out. */
  async foldsCase(): Promise<boolean> {
    const name = `.artifacta-${this.unique()}-case.part`;
    try {
      const handle = await open(join(this.root, name), 'wx');
      await handle.close();
    } catch {
      return false;
    }
    try {
      return (await found(join(this.root, name.toUpperCase()))) !== undefined;
    } finally {
      await rm(join(this.root, name), { force: true });
    }
  }

  /**
   * The path of what is there under a name already; undefined for nothing.
   *
   * @throws CannotWrite if that is no regular file, or the way to it leads through anything but directories; UsageError
   * if it leads into the data directory.
   */
  async find(segments: Segments): Promise<string | undefined> {
    requireOutside(this.own, join(this.root, ...segments), this.shownPath(segments));
    let at = this.root;
    for (const [depth, segment] of segments.entries()) {
      at = join(at, segment);
      const stats = await found(at);
      if (stats === undefined) return undefined;
      if (depth < segments.length - 1) requireDirectory(stats, this.shownPart(segments, depth));
      else requireFile(stats, this.shownPath(segments));
    }
    return at;
  }

  /**
   * Begins a file, with the directories that it needs. It gets its name when it is committed.
   *
   * @throws CannotWrite, UsageError, and errors of the file system as they are.
   */
  async create(segments: Segments): Promise<TargetFile> {
    const directory = await this.makeDirectories(segments);
    await this.tidy(directory);
    const temporary = join(directory, `.artifacta-${this.unique()}.part`);
    const handle = await open(temporary, 'wx');
    const commit = async () => {
      await this.requireInside(directory, segments);
      await this.find(segments);
      await rename(temporary, join(directory, segments.at(-1)!));
    };
    const file = new TargetFile(handle, temporary, commit);
    try {
      await this.requireInside(directory, segments);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    return file;
  }

  /** Once for each directory. */
  private tidy(directory: string): Promise<void> {
    let tidying = this.tidied.get(directory);
    if (tidying === undefined) {
      tidying = removeLeftOvers(directory, Date.now());
      this.tidied.set(directory, tidying);
    }
    return tidying;
  }

  private async makeDirectories(segments: Segments): Promise<string> {
    requireOutside(this.own, join(this.root, ...segments), this.shownPath(segments));
    let at = this.root;
    for (const [depth, segment] of segments.slice(0, -1).entries()) {
      at = join(at, segment);
      await mkdir(at).catch(ignoring('EEXIST'));
      requireDirectory(await lstat(at), this.shownPart(segments, depth));
    }
    return at;
  }

  private async requireInside(directory: string, segments: Segments): Promise<void> {
    const way = relative(this.root, await realpath(directory));
    if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
      throw new CannotWrite(`${this.shownPath(segments)} leads out of ${this.shown} by a symbolic link`);
  }

  private shownPart(segments: Segments, depth: number): string {
    return join(this.shown, ...segments.slice(0, depth + 1));
  }
}

/** A file that has no name yet. Disposing it before the commit leaves nothing behind. */
class TargetFile implements AsyncDisposable {
  private readonly handle: FileHandle;
  private readonly temporary: string;
  private readonly giveName: () => Promise<void>;
  private committed = false;

  constructor(handle: FileHandle, temporary: string, giveName: () => Promise<void>) {
    this.handle = handle;
    this.temporary = temporary;
    this.giveName = giveName;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; )
      at += (await this.handle.write(bytes, at, bytes.byteLength - at)).bytesWritten;
  }

  /** Gives it its name, in place of a regular file that may be there. */
  async commit(): Promise<void> {
    await this.handle.close();
    await this.giveName();
    this.committed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close().catch(() => {});
    if (!this.committed) await rm(this.temporary, { force: true });
  }
}

function requireDirectory(stats: Stats, shown: string): void {
  if (stats.isSymbolicLink())
    throw new CannotWrite(`${shown} is a symbolic link; nothing is written through it`);
  if (!stats.isDirectory()) throw new CannotWrite(`${shown} is in the way: it is not a directory`);
}

function requireFile(stats: Stats, shown: string): void {
  if (stats.isSymbolicLink()) throw new CannotWrite(`${shown} is a symbolic link; it is not replaced`);
  if (!stats.isFile()) throw new CannotWrite(`${shown} is in the way: it is not a regular file`);
}

/** What a path is, unfollowed; undefined if there is nothing. */
async function found(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(ignoring('ENOENT'));
}

function ignoring(code: string): (error: unknown) => undefined {
  return (error) => {
    if (!isCode(error, code)) throw error;
  };
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
