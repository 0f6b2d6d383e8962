/** Where Node keeps the compiled code of short commands. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where it is below the directory for caches. */
export function compileCacheDirIn(cacheDir: string): string {
  return join(cacheDir, 'artifacta', 'compiled');
}

/**
 * The directory in that for caches, which is made if there is none: not one that other users can write to, since what lies there is
 * executed. Undefined where it cannot be made; Node itself would try for ever in `/proc`.
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

/** @returns why it was not made, as the system spells it. */
function make(directory: string): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
