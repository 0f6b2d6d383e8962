import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ProgramPlaces } from '../settings/config-shapes.ts';

/**
 * Returns the name of this program, if a shell finds this very program by it; else its path.
 *
 * @param main the file that Node was started with.
 */
export function programNameOf(main: string, places: ProgramPlaces): string {
  const launcher = places.launcher ?? join(dirname(main), '..', 'bin', 'artifacta');
  // The image has only one, which its shells find.
  if (!existsSync(launcher)) return 'artifacta';
  const isOurs = (path: string) => existsSync(path) && realpathSync(path) === realpathSync(launcher);
  // `npm start` adds directories of packages, which no other terminal has.
  const searched = places.searched.filter((directory) => !directory.endsWith(join('node_modules', '.bin')));
  return searched.some((directory) => isOurs(join(directory, 'artifacta'))) ? 'artifacta' : launcher;
}

/** Returns the directory of the web console's files. @param main the file that Node was started with. */
export function consoleDirOf(main: string): string {
  // A program that runs from its sources has the console of the last build.
  return main.endsWith('.ts') ? join(dirname(main), '..', 'dist', 'console') : join(dirname(main), 'console');
}
