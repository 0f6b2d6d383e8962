import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Content } from '../../client/artifacts/content.ts';
import { later } from '../../client/wire/timer.ts';
import { CommandFailed } from '../exit.ts';

/** The time that a command may take to end after a signal, in milliseconds. */
const endMsMax = 5_000;

/** A running command, and what it writes to its standard output. */
export interface RunningCommand {
  /**
   * The output, read once. It ends when the command has ended well, and fails with {@link CommandFailed} if it ends
   * otherwise.
   */
  readonly content: Content;
  /** Ends the command if it still runs. Resolves when it has ended, or has not within five seconds. */
  stop(): Promise<void>;
}

/**
 * Starts a program, without a shell. It has the standard input and error of this process. Its output is read no faster
 * than it is used.
 *
 * @param signal is passed on to the command as SIGINT. The output after that is not used, however the command ends.
 * @throws CommandFailed if it cannot be started.
 */
export async function startCommand(
  [program = '', ...args]: readonly string[],
  signal?: AbortSignal,
): Promise<RunningCommand> {
  const child = await spawned(program, args);
  // A signal that may not be sent must not end this process.
  child.on('error', () => {});
  let hasEnded = false;
  const end = new Promise<string | undefined>((resolve) => {
    child.once('exit', (status, by) => {
      hasEnded = true;
      resolve(
        by === null ? (status === 0 ? undefined : `exited with status ${status}`) : `was ended by ${by}`,
      );
    });
  });
  const interrupt = () => void child.kill('SIGINT');
  signal?.addEventListener('abort', interrupt, { once: true });
  if (signal?.aborted) interrupt();
  return {
    content: {
      replayable: false,
      async *open() {
        for await (const piece of child.stdout) yield piece as Uint8Array;
        // It may have closed its output long before its end.
        const fault = signal?.aborted ? 'was interrupted' : await end;
        if (fault !== undefined) throw new CommandFailed(`${fault}; nothing was stored`);
      },
    },
    async stop() {
      signal?.removeEventListener('abort', interrupt);
      // If another process still writes there, the system gives it an error.
      child.stdout.destroy();
      if (hasEnded) return;
      if (!signal?.aborted) child.kill('SIGTERM');
      const late = Promise.withResolvers<void>();
      const cancel = later(endMsMax, () => {
        child.kill('SIGKILL');
        late.resolve();
      });
      // A command of another user cannot be ended, and is left behind.
      await Promise.race([end, late.promise]);
      cancel();
    },
  };
}

async function spawned(
  program: string,
  args: readonly string[],
): Promise<ChildProcessByStdio<null, Readable, null>> {
  try {
    const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw startFault(error);
  }
}

/** Returns the error for a program that could not be started. */
export function startFault(error: unknown): CommandFailed {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'the program does not exist',
    EACCES: 'it cannot be executed',
    E2BIG: 'the arguments are too long',
  };
  return new CommandFailed(`cannot be started: ${words[code ?? ''] ?? message}`, code === 'ENOENT');
}
