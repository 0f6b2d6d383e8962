import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { CannotWrite, inWords } from './cannot-write.ts';
import { removeLeftOvers } from './left-overs.ts';
import { OpenDirectory } from './open-directory.ts';

/** The path to a file below a {@link Target}: directories, then the file. */
export type Segments = readonly [string, ...string[]];

/** Returns names that no other process uses. */
type Unique = () => string;

/** The step that was just done: after each step, other programs may change the directories. */
export type TargetStep = 'directory.found' | 'directory.opened' | 'file.begun' | 'place.checked';

interface TargetOptions {
  /** Whether it may be new, unlike its parent. */
  readonly create: boolean;
  /**
   * Called before a path is looked at, each time, with the path as the user knows it. It throws for a path that must
   * stay untouched. Default: none is refused.
   */
  readonly refuse?: ((path: string, shown: string) => void) | undefined;
  readonly unique?: Unique;
  /** Called after each step. Default: nothing is called. */
  readonly onStep?: ((step: TargetStep) => Promise<void>) | undefined;
}

/**
 * A directory that files are written into, and never outside it: no symbolic link below it is followed. Each directory
 * on the way is opened from the one before and stays open (see {@link OpenDirectory}), so that a directory that takes
 * its place meanwhile gets nothing.
 *
 * Where the system has no such calls, the way is checked again before a file gets its name. Between the two checks, a
 * user who may write to the directory could still redirect where a temporary file lies, but not the name that it gets.
 * Nothing that `refuse` refuses is looked at either.
 */
export class Target {
  /** The path as the user named it, for messages. */
  readonly shown: string;
  /** The path without symbolic links. */
  private readonly root: string;
  /** The device and inode of the directory. */
  private readonly identity: string;
  private readonly options: TargetOptions;
  private readonly unique: Unique;
  private readonly tidied = new Map<string, Promise<void>>();

  private constructor(shown: string, root: string, identity: string, options: TargetOptions) {
    this.shown = shown;
    this.root = root;
    this.identity = identity;
    this.options = options;
    this.unique = options.unique ?? randomUUID;
  }

  /**
   * Opens a directory, which the user may have named through links.
   *
   * @throws CannotWrite; errors of `refuse`.
   */
  static async open(path: string, options: TargetOptions): Promise<Target> {
    options.refuse?.(path, path);
    try {
      if (options.create) await mkdir(path).catch(ignoring('EEXIST'));
      const root = await realpath(path);
      const stats = await lstat(root);
      if (!stats.isDirectory()) throw new CannotWrite(`${path} is not a directory`);
      return new Target(path, root, identityOf(stats), options);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw inWords(error, path);
      throw new CannotWrite(`the directory ${options.create ? dirname(path) : path} does not exist`, {
        cause: error,
      });
    }
  }

  /** Returns the path of a file, for messages. */
  shownPath(segments: Segments): string {
    return join(this.shown, ...segments);
  }

  /** Whether two names that differ in case are one file here; false if unknown. */
  async foldsCase(): Promise<boolean> {
    const name = `.artifacta-${this.unique()}-case.part`;
    await using root = await this.openRoot();
    try {
      const handle = await open(root.path(name), 'wx');
      await handle.close();
    } catch {
      return false;
    }
    try {
      return (await found(root.path(name.toUpperCase()))) !== undefined;
    } finally {
      await rm(root.path(name), { force: true });
    }
  }

  /**
   * Returns the path of the file that has a name already; undefined if none has.
   *
   * @throws CannotWrite if it is not a regular file, or the way to it leads through anything but directories;
   * errors of `refuse`.
   */
  async find(segments: Segments): Promise<string | undefined> {
    return await this.look(segments, async () => join(this.root, ...segments));
  }

  /** Runs `work` like {@link find}, while the path is sure to lead there. @returns the result of `work`. */
  async look<T>(segments: Segments, work: (path: string) => Promise<T>): Promise<T | undefined> {
    this.options.refuse?.(join(this.root, ...segments), this.shownPath(segments));
    await using directory = await this.enter(segments, false);
    const path = directory && (await this.findIn(directory, segments));
    return path === undefined ? undefined : await work(path);
  }

  private async findIn(directory: OpenDirectory, segments: Segments): Promise<string | undefined> {
    const path = directory.path(segments.at(-1)!);
    this.options.refuse?.(path, this.shownPath(segments));
    const stats = await found(path);
    if (stats === undefined) return undefined;
    requireFile(stats, this.shownPath(segments));
    return path;
  }

  /**
   * Begins a file, with the directories that it needs. The file gets its name when it is committed.
   *
   * @throws CannotWrite, errors of `refuse`, and errors of the file system as they are.
   */
  async create(segments: Segments): Promise<TargetFile> {
    this.options.refuse?.(join(this.root, ...segments), this.shownPath(segments));
    const directory = (await this.enter(segments, true))!;
    try {
      await this.tidy(directory, segments);
      this.options.refuse?.(directory.path(segments.at(-1)!), this.shownPath(segments));
      const temporary = directory.path(`.artifacta-${this.unique()}.part`);
      const handle = await open(temporary, 'wx');
      await this.options.onStep?.('file.begun');
      const commit = async () => {
        await this.requirePlace(directory, segments);
        const path = directory.path(segments.at(-1)!);
        await this.findIn(directory, segments);
        await this.options.onStep?.('place.checked');
        await rename(temporary, path);
      };
      const file = new TargetFile(handle, { directory, temporary, giveName: commit });
      try {
        await this.requirePlace(directory, segments);
      } catch (error) {
        await file[Symbol.asyncDispose]();
        throw error;
      }
      return file;
    } catch (error) {
      await directory[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes left-overs, once for each directory. */
  private tidy(directory: OpenDirectory, segments: Segments): Promise<void> {
    const key = segments.slice(0, -1).join('/');
    let tidying = this.tidied.get(key);
    if (tidying === undefined) {
      tidying = removeLeftOvers(directory.path('.'), Date.now());
      this.tidied.set(key, tidying);
    }
    return tidying;
  }

  private async openRoot(): Promise<OpenDirectory> {
    const root = await OpenDirectory.open(this.root).catch((error: unknown) => {
      throw isCode(error, 'ENOTDIR') ? this.exchanged() : error;
    });
    if (identityOf(await stat(root.path('.'))) === this.identity) return root;
    await root[Symbol.asyncDispose]();
    throw this.exchanged();
  }

  private exchanged(): CannotWrite {
    return new CannotWrite(`${this.shown} was replaced by another directory`, { concernsAll: true });
  }

  /** Returns the directory of a file; undefined if it does not exist and must not be made. */
  private async enter(segments: Segments, makes: boolean): Promise<OpenDirectory | undefined> {
    let directory = await this.openRoot();
    for (const [depth, segment] of segments.slice(0, -1).entries()) {
      await using above = directory;
      if (makes) await above.make(segment);
      const stats = await found(above.path(segment));
      if (stats === undefined && !makes) return undefined;
      if (stats !== undefined) requireDirectory(stats, this.shownPart(segments, depth));
      await this.options.onStep?.('directory.found');
      directory = await above.open(segment).catch(async (error: unknown) => {
        // It was a directory a moment ago.
        const now = isCode(error, 'ENOTDIR') ? await found(above.path(segment)) : undefined;
        if (now !== undefined) requireDirectory(now, this.shownPart(segments, depth));
        throw error;
      });
      await this.options.onStep?.('directory.opened');
    }
    return directory;
  }

  /** Requires that the directory of the file is where it was found, in the root. */
  private async requirePlace(directory: OpenDirectory, segments: Segments): Promise<void> {
    const path = await realpath(join(this.root, ...segments.slice(0, -1)));
    const way = relative(this.root, path);
    if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
      throw new CannotWrite(`${this.shownPath(segments)} leads out of ${this.shown} through a symbolic link`);
    if (!(await directory.isAt(path)))
      throw new CannotWrite(`${dirname(this.shownPath(segments))} was replaced by another directory`);
  }

  private shownPart(segments: Segments, depth: number): string {
    return join(this.shown, ...segments.slice(0, depth + 1));
  }
}

interface TargetFileParts {
  /** The directory, which is closed with the file. */
  readonly directory: OpenDirectory;
  readonly temporary: string;
  readonly giveName: () => Promise<void>;
}

/** A file that has no name yet. Disposing it before the commit leaves nothing behind. */
class TargetFile implements AsyncDisposable {
  private readonly handle: FileHandle;
  private readonly parts: TargetFileParts;
  private committed = false;

  constructor(handle: FileHandle, parts: TargetFileParts) {
    this.handle = handle;
    this.parts = parts;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; )
      at += (await this.handle.write(bytes, at, bytes.byteLength - at)).bytesWritten;
  }

  /** Gives the file its name, in place of a regular file that may have it. */
  async commit(): Promise<void> {
    await this.handle.close();
    await this.parts.giveName();
    this.committed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close().catch(() => {});
    if (!this.committed) await rm(this.parts.temporary, { force: true });
    await this.parts.directory[Symbol.asyncDispose]();
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

const remedy = 'move or remove it, or choose another target';

function requireDirectory(stats: Stats, shown: string): void {
  if (stats.isSymbolicLink())
    throw new CannotWrite(`${shown} is a symbolic link; nothing is written through it; ${remedy}`);
  if (!stats.isDirectory()) throw new CannotWrite(`${shown} is in the way: it is not a directory; ${remedy}`);
}

function requireFile(stats: Stats, shown: string): void {
  if (stats.isSymbolicLink())
    throw new CannotWrite(`${shown} is a symbolic link; it is not replaced; ${remedy}`);
  if (!stats.isFile()) throw new CannotWrite(`${shown} is in the way: it is not a regular file; ${remedy}`);
}

/** Returns the kind of a path without following links; undefined if nothing exists there. */
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
