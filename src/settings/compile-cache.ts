/** The directory where Node keeps the compiled code of short commands. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Returns its path below the directory for caches. */
export function compileCacheDirIn(cacheDir: string): string {
  return join(cacheDir, 'artifacta', 'compiled');
}

/**
 * Makes the directory below that for caches if it does not exist, and returns it. A directory that other users can
 * write to is not used, since its content is executed. Undefined if it cannot be made; Node itself would try forever in
 * `/proc`.
 */
export function makeCompileCacheDir(cacheDir: string): string | undefined {
  const directory = compileCacheDirIn(cacheDir);
  return isMade(directory) ? directory : undefined;
}

function isMade(directory: string): boolean {
  const first = make(directory);
  if (first !== 'ENOENT') return first === 'EEXIST' || first === undefined;
  const above = dirname(directory);
  return above !== directory && isMade(above) && make(directory) === undefined;
}

/** Makes a directory. @returns why it was not made, as the system spells it. */
function make(directory: string): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
