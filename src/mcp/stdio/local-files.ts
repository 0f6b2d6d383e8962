/** The files of this machine that tools may read and write: those below the allowed directories, and no others. */
import { lstat, realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { Content } from '../../client/artifacts/content.ts';
import { CannotWrite } from '../../client/files/cannot-write.ts';
import { type FileOptions, fileContent } from '../../client/files/file.ts';
import type { Saved } from '../../client/files/save.ts';
import { type Segments, Target } from '../../client/files/target.ts';
import type { Store } from '../../client/store.ts';
import { BadArgument } from '../tool-error.ts';

/** File systems of the kernel, whose files are not files of users: proc, sysfs, debugfs, tracefs, cgroup, securityfs, bpf. */
const kernelTypes: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x64626720, 0x74726163, 0x27e0eb, 0x63677270, 0x73636673, 0xcafe4a11,
]);

/** The data directory, which only the store opens. */
interface Untouchable {
  readonly path: string;
  contains(path: string): boolean;
}

/** The files that are left alone. */
interface FileRules {
  /** Returns the data directory, if known. */
  own(): Untouchable | undefined;
  /** Whether a path below an allowed directory looks like that of a secret. Such a file is never recorded unasked. */
  isSecret(path: string): boolean;
}

interface Root {
  /** The path without symbolic links. */
  readonly path: string;
  readonly target: Target;
}

/** A place below an allowed directory. */
interface Place {
  readonly root: Root;
  readonly segments: Segments;
  /** The path without symbolic links. */
  readonly path: string;
}

/**
 * The allowed directories. Each is found once, when the program starts: another directory that takes its place gets
 * nothing. A path may lead through symbolic links that stay below an allowed directory; what is opened in the end is
 * reached from there without any link.
 */
export class LocalFiles {
  private readonly given: readonly Root[];
  private readonly rules: FileRules;
  private roots: readonly Root[];
  private naming: Promise<void> | undefined;

  private constructor(roots: readonly Root[], rules: FileRules) {
    this.given = roots;
    this.roots = roots;
    this.rules = rules;
  }

  /**
   * @param paths directories that exist.
   * @throws CannotWrite for anything else.
   */
  static async open(paths: readonly string[], rules: FileRules): Promise<LocalFiles> {
    return new LocalFiles(await Promise.all(paths.map((path) => rootAt(path, rules))), rules);
  }

  /**
   * Allows the directories that the host names, in addition to those of {@link open} and in the place of those that it
   * named before. Calls wait until it has done so. A directory that does not exist is not allowed.
   *
   * @param named must not reject.
   */
  allow(named: Promise<readonly string[]>): void {
    const { naming: before } = this;
    this.naming = (async () => {
      await before;
      const roots = await Promise.all((await named).map(this.rootOrNone));
      this.roots = [...this.given, ...roots.filter((root) => root !== undefined)];
    })();
  }

  /** Returns the directories, without symbolic links. */
  async allowed(): Promise<readonly string[]> {
    await this.naming;
    return this.directories;
  }

  private get directories(): readonly string[] {
    return this.roots.map(({ path }) => path);
  }

  /** Whether a file looks like a secret, by its name. */
  isSecret(name: string): boolean {
    return this.rules.isSecret(name);
  }

  /**
   * Runs `work` with the bytes of a regular file, and its path below the allowed directory.
   *
   * @throws BadArgument for a path that leads elsewhere or to something else; FileUnsuitable if the file changes.
   */
  async read<T>(
    path: string,
    work: (content: Content, name: string) => Promise<T>,
    options: Pick<FileOptions, 'snapshot'> = {},
  ): Promise<T> {
    await this.naming;
    const real = await realpath(this.resolved(path)).catch((error: unknown) => {
      throw this.unreadable(path, error);
    });
    const { root, segments } = this.placeOf(real, path);
    refuseOwn(this.rules.own(), real);
    await requireRegular(real);
    try {
      const found = await root.target.look(segments, async (opened) => {
        await requireUsersFile(opened);
        return {
          result: await work(
            await fileContent(opened, { ...options, followLink: false }),
            segments.join('/'),
          ),
        };
      });
      if (found === undefined) throw new BadArgument('path', 'must be a file that exists');
      return found.result;
    } catch (error) {
      if (error instanceof CannotWrite) throw new BadArgument('path', `cannot be read: ${error.message}`);
      throw error;
    }
  }

  /**
   * Writes an artifact to a file, with the directories that it needs.
   *
   * @param to a file, or a directory that exists or ends in `/`; the file then has the last part of the artifact's name.
   * @throws BadArgument for a path that leads elsewhere; CannotWrite.
   */
  async save(
    store: Store,
    artifact: Artifact,
    to: string,
    signal: AbortSignal,
  ): Promise<{ readonly path: string; readonly saved: Saved }> {
    const { root, segments, path } = await this.placeToWrite(to, artifact.name.split('/').at(-1)!);
    // It loads what calls a service.
    const { save } = await import('../../client/files/save.ts');
    const saved = await save(store, artifact, root.target, segments, { signal });
    return { path, saved };
  }

  private async placeToWrite(to: string, name: string): Promise<Place> {
    await this.naming;
    const given = this.resolved(to, 'to');
    const real = await realOf(given);
    const isDirectory =
      to.endsWith('/') ||
      (await lstat(real).then(
        (stats) => stats.isDirectory(),
        () => false,
      ));
    // A link is not followed, nor replaced, by `Target`.
    const path = isDirectory ? join(real, name) : join(await realOf(dirname(given)), basename(given));
    const place = this.placeOf(path, to, 'to');
    refuseOwn(this.rules.own(), path, 'to');
    return place;
  }

  private readonly rootOrNone = (path: string): Promise<Root | undefined> =>
    rootAt(path, this.rules).catch(() => undefined);

  private resolved(path: string, field = 'path'): string {
    if (this.roots.length === 0)
      throw new BadArgument(
        field,
        'must be left out: this server was started without --allow-path, and the host has named no directory, so that it reads and writes no files',
      );
    if (path === '' || path.includes('\0')) throw new BadArgument(field, 'must be the path of a file');
    return resolve(this.roots[0]!.path, path);
  }

  private placeOf(real: string, given: string, field = 'path'): Place {
    for (const root of this.roots) {
      const way = relative(root.path, real);
      if (way === '' || way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way) continue;
      return { root, segments: way.split(sep) as unknown as Segments, path: real };
    }
    throw new BadArgument(
      field,
      `must lead to a file below an allowed directory (${this.directories.join(', ')}), and must not leave it through a symbolic link; got ${shortened(given)}`,
    );
  }

  private unreadable(path: string, error: unknown): BadArgument {
    const { code } = error as NodeJS.ErrnoException;
    // What exists elsewhere is not told.
    this.placeOf(this.resolved(path), path);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return new BadArgument('path', `must be a file that exists, not ${shortened(path)}`);
    return new BadArgument('path', `cannot be read: ${code ?? String(error)}`);
  }
}

/** @throws CannotWrite for what is not a directory that exists. */
async function rootAt(given: string, rules: FileRules): Promise<Root> {
  const path = await realpath(given).catch((cause: unknown) => {
    throw new CannotWrite(`the directory ${given} does not exist`, { cause });
  });
  const refuse = (within: string) => refuseOwn(rules.own(), within);
  return { path, target: await Target.open(path, { create: false, refuse }) };
}

function refuseOwn(own: Untouchable | undefined, path: string, field = 'path'): void {
  if (own?.contains(path)) throw new BadArgument(field, `must not be in the data directory ${own.path}`);
}

async function requireRegular(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile()) return;
  const kind = stats.isDirectory() ? 'a directory' : stats.isFIFO() ? 'a pipe' : 'a device or a socket';
  throw new BadArgument('path', `must be a regular file, not ${kind}`);
}

async function requireUsersFile(path: string): Promise<void> {
  if (process.platform !== 'linux') return;
  if (kernelTypes.has((await statfs(path)).type))
    throw new BadArgument('path', 'must be a file of a user, not of the kernel, such as those in /proc');
}

/** Returns the path without links, for the part of it that exists. */
async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const above = dirname(path);
    if (above === path || (error as NodeJS.ErrnoException).code !== 'ENOENT') return path;
    // A link that leads to nothing is a file of that name, which is in the way.
    return join(await realOf(above), basename(path));
  }
}

function shortened(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 200)}…`;
}
