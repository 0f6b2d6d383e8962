/** The server process of a peer: started, watched, and ended whatever happens to the benchmark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { programAt } from './missing.ts';
import { treeCpuSeconds, treeOf, treeResidentBytes } from './process-tree.ts';

const readyMs = 60_000;
const stopMs = 30_000;
const abortMs = 5_000;
/** Between two attempts to reach a peer that starts. */
const attemptMs = 50;

interface PeerOptions {
  readonly command: readonly string[];
  /** HOST:PORT, where it will listen. */
  readonly address: string;
  /** Whether it takes calls. Failing means that it does not yet. */
  readonly answers: () => Promise<boolean>;
  /** The user to run it as, if this is another. */
  readonly user?: string | undefined;
  /** What ends it and its descendants at once when the benchmark fails. Default SIGKILL, to all of them. */
  readonly abortedBy?: 'SIGKILL' | 'SIGQUIT';
}

/** Those that this process has started and that have not ended. */
const alive = new Set<PeerProcess>();

process.on('exit', () => {
  for (const peer of alive) peer.abort();
  // Their files are removed next.
  const endMs = performance.now() + abortMs;
  for (const peer of alive) while (peer.runs() && performance.now() < endMs) pauseBlocking(attemptMs);
});

/** A running peer. Disposal ends it: by SIGTERM, and by SIGKILL if that takes too long. */
export class PeerProcess implements AsyncDisposable {
  /** HOST:PORT. */
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly abortedBy: NonNullable<PeerOptions['abortedBy']>;
  private readonly exited: Promise<unknown>;
  /** The last that it wrote. */
  private said = '';

  private constructor({ command, address, user, abortedBy = 'SIGKILL' }: PeerOptions) {
    const [program, ...args] = asUser(user, command, abortedBy);
    this.child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
    this.address = address;
    this.abortedBy = abortedBy;
    this.exited = once(this.child, 'exit').then(() => alive.delete(this));
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (text) => {
        this.said = `${this.said}${text}`.slice(-2_000);
      });
    alive.add(this);
  }

  /** Resolves when it answers. @throws Error if it ends before, or does not answer in time. */
  static async start(options: PeerOptions): Promise<PeerProcess> {
    const peer = new PeerProcess(options);
    try {
      await peer.readiness(options.answers);
      return peer;
    } catch (error) {
      peer.abort();
      throw error;
    }
  }

  private async readiness(answers: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + readyMs;
    while (!(await answers().catch(() => false))) {
      const { exitCode, signalCode } = this.child;
      if (exitCode !== null || signalCode !== null) this.fail(`ended with ${exitCode ?? signalCode}`);
      if (performance.now() > endMs) this.fail(`did not answer after ${readyMs} ms`);
      await sleep(attemptMs);
    }
  }

  private fail(why: string): never {
    throw new Error(`${this.child.spawnargs.join(' ')}: ${why}\n${this.said}`);
  }

  /** See {@link treeCpuSeconds}. */
  cpuSeconds(): number {
    return treeCpuSeconds(this.child.pid!);
  }

  /** See {@link treeResidentBytes}. */
  residentBytes(): number {
    return treeResidentBytes(this.child.pid!);
  }

  /** Ends it at once, in its own way if it has one. */
  abort(): void {
    if (this.abortedBy === 'SIGKILL') this.kill();
    else if (this.child.pid !== undefined) signal(this.child.pid, this.abortedBy);
  }

  /** Whether it or a descendant has not ended. */
  runs(): boolean {
    return this.child.pid !== undefined && treeOf(this.child.pid).length > 0;
  }

  private kill(): void {
    const { pid } = this.child;
    if (pid !== undefined) for (const one of treeOf(pid)) signal(one, 'SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.kill(), stopMs);
    signal(this.child.pid!, 'SIGTERM');
    await this.exited;
    clearTimeout(timer);
  }
}

/** A process that exits can wait no other way. */
function pauseBlocking(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The command as that user, and so that the kernel sends it a signal when this process is killed outright. */
export function asUser(
  user: string | undefined,
  command: readonly string[],
  atDeath: PeerOptions['abortedBy'] = 'SIGKILL',
): readonly string[] {
  const setpriv = programAt({ name: 'setpriv', from: 'Debian has it in util-linux' });
  const identity = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
  return [setpriv, ...identity, `--pdeathsig=${atDeath.slice('SIG'.length)}`, '--', ...command];
}

/** A process that has ended by itself needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
