import { dirname } from 'node:path';

/** Of `node:fs/promises`, or what behaves like it. */
interface Files {
  mkdir(path: string, options: { readonly mode: number }): Promise<unknown>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}

/**
 * Makes a directory for its owner alone, and those above it that are missing, one at a time. Node's own `recursive`
 * tries for ever, and no signal ends it, where the directory above is there and still nothing can be made in it, as in
 * `/proc`.
 *
 * @returns the topmost one that was made, as the path leads to it; undefined if all were there.
 * @throws what `mkdir` throws: ENOENT if nothing can be made there, EEXIST if it is no directory, ENOTDIR if one above
 * it is none.
 */
export async function makeDirectories(files: Files, path: string): Promise<string | undefined> {
  try {
    return await makeOne(files, path);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    const topmost = await makeDirectories(files, above);
    // Where it cannot be made below one that is there, that is final.
    const made = await makeOne(files, path);
    return topmost ?? made;
  }
}

/** @returns the path if it was made; undefined if there is a directory already. */
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
