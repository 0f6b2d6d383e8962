/** The command that is run: started, listened to, told of signals, and waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { CommandFailed } from '../exit.ts';
import { startFault } from '../files/from-command.ts';
import type { Io } from '../io.ts';
import type { CapturedOutput } from './captured-output.ts';
import { quoted } from './words.ts';

/** How a command ended: by itself with a status, or by a signal. */
export type End = { readonly status: number } | { readonly signal: NodeJS.Signals };

/** The streams of a command whose output may be captured. */
export type OutputName = 'stdout' | 'stderr';

/** The command, and what it gets. */
interface ChildOptions {
  readonly words: readonly string[];
  /** Whether it gets a terminal of its own, which counts as its standard output. */
  readonly pty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly io: Io;
}

/** A running command. */
export class Child {
  private readonly process: ChildProcess;
  private readonly io: Io;

  private constructor(process: ChildProcess, io: Io) {
    this.process = process;
    this.io = io;
  }

  /**
   * Starts it, without a shell, with the standard input of this process. A stream that is a terminal is its own, too.
   *
   * @throws CommandFailed if it cannot be started.
   */
  static async start({ words, pty, env, io }: ChildOptions): Promise<Child> {
    const inside = pty ? inTerminal(words) : words;
    const [program = '', ...args] = io.ignoresHangup ? ignoringHangup(inside) : inside;
    const way = (name: OutputName) => (io[name].isTTY && !(pty && name === 'stdout') ? 'inherit' : 'pipe');
    try {
      const stdio = ['inherit', way('stdout'), way('stderr')] as const;
      const child = spawn(program, args, { stdio: [...stdio], env: { ...env } });
      await once(child, 'spawn');
      // A signal that may not be sent must not end this process.
      child.on('error', () => undefined);
      return new Child(child, io);
    } catch (error) {
      if (pty && (error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new CommandFailed(
          'cannot be started: --pty needs the program `script` of util-linux on the PATH',
        );
      throw startFault(error);
    }
  }

  /** Whether the stream goes through this process, so that it can be captured. */
  passes(name: OutputName): boolean {
    return this.process[name] !== null;
  }

  /**
   * Passes its output on and captures it, and passes signals on, until it has ended and its output too.
   *
   * @param outputOf what captures a stream.
   */
  async end(outputOf: (name: OutputName) => CapturedOutput): Promise<End> {
    const ended = once(this.process, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const stopTaking = this.io.takeSignals?.((signal) => this.tell(signal));
    try {
      const streams = (['stdout', 'stderr'] as const).filter((name) => this.passes(name));
      const passed = streams.map((name) => pass(this.process[name]!, this.io[name], outputOf(name)));
      const [[status, signal]] = await Promise.all([ended, ...passed]);
      return signal === null ? { status: status ?? 0 } : { signal };
    } finally {
      stopTaking?.();
    }
  }

  /** A terminal gives its signals to the command, too: it must not get them twice. */
  private tell(signal: NodeJS.Signals): void {
    const isOfTerminal = this.io.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
    const isIgnored = signal === 'SIGHUP' && this.io.ignoresHangup;
    if (!isOfTerminal && !isIgnored) this.process.kill(signal);
  }
}

/** Returns the command line that runs these words in a new terminal, and passes on what they write there. */
function inTerminal(words: readonly string[]): readonly string[] {
  return ['script', '--quiet', '--return', '--flush', '--command', words.map(quoted).join(' '), '/dev/null'];
}

/** Returns the command line that runs these words without a terminal's SIGHUP: Node lets none of its children ignore it. */
function ignoringHangup(words: readonly string[]): readonly string[] {
  return ['sh', '-c', 'trap "" HUP; exec "$@"', 'sh', ...words];
}

/** Returns the exit code by which a shell tells of this end. */
export function exitCodeFor(end: End): number {
  return 'status' in end ? end.status : 128 + constants.signals[end.signal];
}

async function pass(from: Readable, to: Io['stdout'], captured: CapturedOutput): Promise<void> {
  for await (const bytes of from as AsyncIterable<Uint8Array>) {
    // Output that no process reads any more is captured nevertheless.
    const hasRoom = to.destroyed || to.write(bytes);
    await captured.take(bytes);
    if (!hasRoom) await roomIn(to);
  }
}

/** Resolves when a stream takes more, or has gone. */
async function roomIn(to: Io['stdout']): Promise<void> {
  if (to.destroyed || !to.writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const event of ['drain', 'close', 'error']) to.once(event, resolve);
  await promise;
  for (const event of ['drain', 'close', 'error']) to.off(event, resolve);
}
