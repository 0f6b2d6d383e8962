/** Directories that are kept open, so that a change of what their paths lead to does not matter. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The flag of Linux, on all processors that Node supports; Node has no name for it. It needs no right to read. */
const openForPath = 0o10000000;
const flags = openForPath | constants.O_DIRECTORY | (constants.O_NOFOLLOW ?? 0);

/**
 * A directory in which files are named. On Linux it is kept open, and an operation on a {@link path} acts in that very
 * directory. Elsewhere, and where `/proc` is not mounted, the paths are those that led to it.
 */
export class OpenDirectory implements AsyncDisposable {
  private readonly found: string;
  private readonly handle: FileHandle | undefined;

  private constructor(found: string, handle: FileHandle | undefined) {
    this.found = found;
    this.handle = handle;
  }

  /** @param path without symbolic links. @throws errors of the file system: ENOTDIR for a symbolic link. */
  static async open(path: string): Promise<OpenDirectory> {
    if (process.platform !== 'linux') return new OpenDirectory(path, undefined);
    const handle = await open(path, flags);
    try {
      if (await leadsTo(handle)) return new OpenDirectory(path, handle);
      await handle.close();
      return new OpenDirectory(path, undefined);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Returns the path of an entry in it, valid while this is open. */
  path(name: string): string {
    return join(this.handle === undefined ? this.found : viaDescriptor(this.handle), name);
  }

  /** Opens a directory in it. @throws errors of the file system: ENOTDIR for a symbolic link. */
  async open(name: string): Promise<OpenDirectory> {
    const below = await OpenDirectory.open(this.path(name));
    return new OpenDirectory(join(this.found, name), below.handle);
  }

  /** Makes a directory in it, if the name is free. */
  async make(name: string): Promise<void> {
    await mkdir(this.path(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }

  /** Whether a path leads to this very directory; true if unknown. */
  async isAt(path: string): Promise<boolean> {
    if (this.handle === undefined) return true;
    const [opened, there] = [await this.handle.stat(), await stat(path).catch(() => undefined)];
    return opened.dev === there?.dev && opened.ino === there.ino;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle?.close();
  }
}

function viaDescriptor({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function leadsTo(handle: FileHandle): Promise<boolean> {
  const [opened, there] = [await handle.stat(), await stat(viaDescriptor(handle)).catch(() => undefined)];
  return opened.dev === there?.dev && opened.ino === there.ino;
}
