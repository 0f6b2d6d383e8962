import { ArtifactaError } from '../client/errors.ts';
import { concernsAll } from './advice.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import type { Invocation } from './invocation.ts';

/**
 * Returns the exit code of a command that concerns several things.
 *
 * @param done the number of them that succeeded.
 * @param fatal the failure that would repeat for every further one, if the command stopped because of it.
 */
export function exitCodeForAll(failures: readonly unknown[], done: number, fatal: unknown): number {
  if (failures.length === 0) return exitCodes.done;
  if (fatal !== undefined) return exitCodeOf(fatal);
  return failures.length === 1 && done === 0 ? exitCodeOf(failures[0]) : exitCodes.failed;
}

/** The account of a command that works on several things, one after another. */
export class Account {
  private readonly invocation: Invocation;
  private readonly failures: unknown[] = [];
  private done = 0;
  private fatal: unknown;

  constructor(invocation: Invocation) {
    this.invocation = invocation;
  }

  /** The number of things that were tried. */
  get tried(): number {
    return this.done + this.failures.length;
  }

  /** Records that one more has succeeded. */
  succeeded(): void {
    this.done++;
  }

  /**
   * Shows that one has failed.
   *
   * @returns false if every further one would fail in the same way.
   * @throws the error itself if it is not an answer of the service, and after an interruption.
   */
  failed(error: unknown, what: string): boolean {
    const { io, output } = this.invocation;
    if (io.signal?.aborted || !(error instanceof ArtifactaError)) throw error;
    output.error(error, what);
    this.failures.push(error);
    if (!concernsAll(error)) return true;
    this.fatal = error;
    return false;
  }

  /** Sets the exit code. */
  close(): void {
    this.invocation.exitCode = exitCodeForAll(this.failures, this.done, this.fatal);
  }
}
