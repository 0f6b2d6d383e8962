/** Where Node keeps the compiled code of short commands. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * The directory, which is made if there is none: not one that other users can write to, since what lies there is
 * executed. Undefined where it cannot be made; Node itself would try for ever in `/proc`.
 */
export function makeCompileCacheDir(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const cacheDir = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  const directory = join(cacheDir, 'artifacta', 'compiled');
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
