import { ArtifactaError } from '../client/errors.ts';

/**
 * The exit codes of the process.
 *
 * | code | meaning |
 * | --- | --- |
 * | 0 | done |
 * | 1 | the request was refused or failed, as a whole or in part |
 * | 2 | the command line, or a value in it, is wrong |
 * | 3 | the artifact or session does not exist, has expired or was deleted |
 * | 4 | the service cannot be reached, is too busy, or the time limit has passed; the same command may succeed later |
 * | 5 | the credentials are missing or do not allow this |
 * | 6 | the command of `push --from-command` failed or could not be started; nothing was stored |
 * | 7 | the session that the command waited for did not succeed |
 * | 130 | interrupted |
 *
 * `run` has the exit code of its command, once that has started.
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unavailable: 4,
  forbidden: 5,
  commandFailed: 6,
  otherOutcome: 7,
  interrupted: 130,
} as const;

/** The same table, for the help. */
export const exitCodeHelp = `Exit codes:
  0    done
  1    the request was refused or failed, as a whole or in part
  2    the command line, or a value in it, is wrong
  3    the artifact or session does not exist, has expired or was deleted
  4    the service cannot be reached, is too busy, or the time limit has passed; the same command
       may succeed later
  5    the credentials are missing or do not allow this
  6    the command of "push --from-command" failed or could not be started; nothing was stored
  7    the session that the command waited for did not succeed
  130  interrupted
Once "artifacta run" has started its command, it exits with the code of that command.`;

/** The error for a wrong command line; the message names the fault. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/**
 * The error for a command that did not end well and whose output was to be stored. The message says how it ended,
 * without its name.
 */
export class CommandFailed extends Error {
  /** Whether the program does not exist. */
  readonly isAbsent: boolean;

  constructor(message: string, isAbsent = false) {
    super(message);
    this.name = 'CommandFailed';
    this.isAbsent = isAbsent;
  }
}

/** Returns the exit code for an error of a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof CommandFailed) return exitCodes.commandFailed;
  if (!(error instanceof ArtifactaError)) return exitCodes.failed;
  if (error.reason === 'OVERLOADED') return exitCodes.unavailable;
  switch (error.code) {
    // The other reasons of this code mean that bytes changed, which is not a mistake in the command.
    case 'INVALID_ARGUMENT':
      return ['INVALID_ARGUMENT', undefined].includes(error.reason) ? exitCodes.usage : exitCodes.failed;
    case 'NOT_FOUND':
      return exitCodes.notFound;
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return exitCodes.unavailable;
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return exitCodes.forbidden;
    case 'CANCELLED':
      return exitCodes.interrupted;
    default:
      return exitCodes.failed;
  }
}
