/** A server in a process of its own, from the side of whoever kills it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Armed, ReadyLine } from './failpoints.ts';

const child = join(import.meta.dirname, 'server-child.ts');

/** How long a start or an end may take, in milliseconds. */
const patienceMs = 30_000;

/** It killed itself at its failpoint, it was killed by us, or it ended in a way that nobody asked for. */
type Ending = 'failpoint' | 'killed' | `exit ${string}`;

interface HowToRun {
  /** A program that runs it, with its arguments: strace, prlimit. Default: none. */
  readonly under?: readonly string[];
  /** The path of what it is. Default: `server-child.ts`, whose options are `ChildOptions` of `failpoints.ts`. */
  readonly script?: string;
}

export class ServerProcess implements AsyncDisposable {
  /** The ready line; undefined if the process ended without one. */
  readonly ready: Promise<ReadyLine | undefined>;
  readonly ended: Promise<Ending>;
  hasEnded = false;
  /** What it complained of. */
  stderr = '';
  /** Of the server itself, once it is ready. */
  private pid: number | undefined;
  private readonly process: ChildProcess;
  private killed = false;

  /** @param cacheDir where compiled code is kept from one start to the next, unless the environment says where. */
  constructor(options: object, cacheDir: string, { under = [], script = child }: HowToRun = {}) {
    const [command, ...args] = [...under, process.execPath, script, JSON.stringify(options)];
    this.process = spawn(command!, args, {
      stdio: 'pipe',
      env: { NODE_COMPILE_CACHE: cacheDir, ...process.env },
    });
    const { stdout, stderr, stdin } = this.process;
    stdin!.on('error', () => undefined);
    stderr!.on('data', (text) => {
      this.stderr += String(text);
    });
    const ready = Promise.withResolvers<ReadyLine | undefined>();
    this.ready = ready.promise;
    createInterface({ input: stdout! }).on('line', (line) => {
      const said = JSON.parse(line) as ReadyLine;
      this.pid = said.pid;
      ready.resolve(said);
    });
    this.ended = once(this.process, 'close').then(([code, signal]): Ending => {
      this.hasEnded = true;
      ready.resolve(undefined);
      if (signal === 'SIGKILL' || code === 128 + 9) return this.killed ? 'killed' : 'failpoint';
      return `exit ${code ?? signal}`;
    });
  }

  /** From now on it kills itself at a failpoint. */
  arm(armed: Armed): void {
    this.process.stdin!.write(`${JSON.stringify(armed)}\n`);
  }

  /** Kills it if it lives, and waits until it is gone. */
  async kill(): Promise<Ending> {
    this.killed = !this.hasEnded;
    // What runs it ends with it.
    if (this.pid === undefined) this.process.kill('SIGKILL');
    else if (!this.hasEnded) process.kill(this.pid, 'SIGKILL');
    return await this.whenEnded();
  }

  /** Asks it to stop. */
  async stop(): Promise<Ending> {
    if (this.pid === undefined) this.process.kill('SIGTERM');
    else if (!this.hasEnded) process.kill(this.pid, 'SIGTERM');
    return await this.whenEnded();
  }

  /** @throws Error if it does not serve, or end, in time. */
  async whenReady(): Promise<ReadyLine | undefined> {
    return await inTime(this.ready, `the server was not ready in time: ${this.stderr}`);
  }

  async whenEnded(): Promise<Ending> {
    return await inTime(this.ended, 'the server did not end in time');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** @throws Error with the given message if the work takes too long. */
export async function inTime<T>(work: Promise<T>, message: string, ms = patienceMs): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(message)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
