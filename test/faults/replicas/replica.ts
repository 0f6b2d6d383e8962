/** One of several `artifacta serve` on the same store, in a process of its own that is killed, paused and restarted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { faketime } from '../clock/rig.ts';
import { inTime } from '../server-process.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
const saidMax = 4_000;
/** Others start at the same time, on few processors. */
const startMs = 180_000;

interface ReplicaOptions {
  readonly name: string;
  /** A directory of its own. */
  readonly home: string;
  /** Arguments of `serve` besides those about its directory and its listeners. */
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

interface Addresses {
  /** `host:port`. */
  readonly grpc: string;
  readonly http: string;
  /** A path. */
  readonly socket: string;
  readonly pid: string;
}

export class Replica implements AsyncDisposable {
  readonly name: string;
  /** Those of the newest process, which may be dead. */
  addresses: Addresses | undefined;
  /** The number of processes that were started. */
  starts = 0;
  private readonly options: ReplicaOptions;
  private child: ChildProcess | undefined;
  private exited: Promise<string> = Promise.resolve('never started');
  private said = '';
  private isWanted = false;
  private isPaused = false;
  /** Told of a process that ends although nobody asked for it. */
  onSuddenEnd: (how: string) => void = () => undefined;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.name = options.name;
  }

  /** @returns true if it is ready, or is thought to be. */
  get isServing(): boolean {
    return this.isWanted && !this.isPaused;
  }

  /**
   * Resolves when it serves. The one before must have ended.
   *
   * @param clock how far its wall clock is off, as faketime has it: `+10s`. Default: not at all.
   */
  async start(clock?: string): Promise<void> {
    const { home, args, variables } = this.options;
    const listeners = [
      '--grpc-listen',
      '127.0.0.1:0',
      '--http-listen',
      '127.0.0.1:0',
      '--admin-listen',
      'none',
    ];
    const child = spawn(
      launcher,
      ['serve', '--auth', '--data-dir', join(home, 'data'), ...listeners, ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...variables, ...(clock === undefined ? {} : clockVariables(clock)) },
      },
    );
    this.child = child;
    this.isWanted = true;
    this.starts++;
    const ready = Promise.withResolvers<Addresses>();
    this.exited = once(child, 'close').then(([code, signal]) => `exit ${code ?? signal}`);
    void this.exited.then((how) => {
      ready.reject(new Error(`${this.name} did not start, ${how}: ${this.said}`));
      if (this.child === child && this.isWanted) this.onSuddenEnd(`${how}: ${this.said}`);
    });
    const listen = (line: string) => {
      this.said = `${this.said}${line}\n`.slice(-saidMax);
    };
    createInterface({ input: child.stderr! }).on('line', listen);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const message = JSON.parse(line) as Addresses & { msg: string; level: unknown };
      if (message.msg === 'ready') ready.resolve(message);
      else if (message.msg !== 'call') listen(line);
    });
    this.addresses = await inTime(ready.promise, `${this.name} was not ready in time: ${this.said}`, startMs);
  }

  /** Kills it, paused or not. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Asks it to stop. @returns how it ended. */
  async stop(): Promise<string> {
    return await this.end('SIGTERM');
  }

  /** Nothing of it runs until {@link resume}. */
  pause(): void {
    this.isPaused = true;
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
    this.isPaused = false;
  }

  /** The last that it has logged. */
  get log(): string {
    return this.said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  private async end(signal: NodeJS.Signals): Promise<string> {
    this.isWanted = false;
    this.child?.kill(signal);
    const how = await inTime(this.exited, `${this.name} did not end after ${signal}: ${this.said}`);
    this.isPaused = false;
    return how;
  }
}

function clockVariables(offset: string): Record<string, string> {
  const library = faketime();
  if (library === undefined) throw new Error('there is no libfaketime');
  return {
    LD_PRELOAD: library,
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  };
}
