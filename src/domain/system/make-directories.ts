import { dirname } from 'node:path';

/** The functions of `node:fs/promises`, or ones that behave like them. */
interface Files {
  mkdir(path: string, options: { readonly mode: number }): Promise<unknown>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}

/**
 * Makes a directory for its owner alone, and the missing directories above it, one at a time. Node's own `recursive`
 * tries forever if the directory above exists and still nothing can be made in it, as in `/proc`; no signal ends it.
 *
 * @returns the topmost directory that was made, as the path leads to it; undefined if all existed.
 * @throws what `mkdir` throws: ENOENT if nothing can be made there, EEXIST if the path is not a directory, ENOTDIR if a
 * path above it is not a directory.
 */
export async function makeDirectories(files: Files, path: string): Promise<string | undefined> {
  try {
    return await makeOne(files, path);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    const topmost = await makeDirectories(files, above);
    // If it cannot be made below a directory that exists, the error is final.
    const made = await makeOne(files, path);
    return topmost ?? made;
  }
}

/** @returns the path if the directory was made; undefined if the directory exists already. */
async function makeOne(files: Files, path: string): Promise<string | undefined> {
  try {
    await files.mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const isDirectory = await files.stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (!isDirectory) throw error;
    return undefined;
  }
}
