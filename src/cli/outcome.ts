import { exitCodeOf, exitCodes } from './exit.ts';

/**
 * The exit code of a command about several things.
 *
 * @param done how many of them succeeded.
 * @param fatal what every further one would have met, if that is why the command stopped.
 */
export function exitCodeForAll(failures: readonly unknown[], done: number, fatal: unknown): number {
  if (failures.length === 0) return exitCodes.done;
  if (fatal !== undefined) return exitCodeOf(fatal);
  return failures.length === 1 && done === 0 ? exitCodeOf(failures[0]) : exitCodes.failed;
}
