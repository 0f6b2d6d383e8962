/** Server processes: started, watched, and ended whatever happens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { cpuSecondsOf, residentBytesOf } from './proc.ts';

const readyMs = 30_000;
const stopMs = 30_000;

/** Those that this process has started and that have not ended. */
const alive = new Set<ServerProcess>();

process.on('exit', () => {
  for (const server of alive) server.kill();
});

/** What a server prints in one line of JSON once it takes calls. */
interface Ready {
  readonly msg: 'ready';
  readonly grpc: string;
  /** Controls have none. */
  readonly http?: string;
  /** Controls have none. */
  readonly admin?: string | null;
  readonly pid: number;
}

/** A running server. Disposal ends it: by SIGTERM, and by SIGKILL if that takes too long. */
export class ServerProcess implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private ready: Ready | undefined;
  /** The last that it wrote to standard error. */
  private complaints = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = once(child, 'exit').then(() => alive.delete(this));
    child.stderr?.on('data', (text) => {
      this.complaints = `${this.complaints}${text}`.slice(-2_000);
    });
    alive.add(this);
  }

  /** Resolves when it has said that it is ready. @throws Error if it ends before, or does not say so in time. */
  static async start(command: string, args: readonly string[]): Promise<ServerProcess> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServerProcess(child);
    try {
      server.ready = await server.readiness();
      return server;
    } catch (error) {
      server.kill();
      throw error;
    }
  }

  private async readiness(): Promise<Ready> {
    const ready = Promise.withResolvers<Ready>();
    const failed = (why: string) =>
      ready.reject(new Error(`${this.child.spawnargs.join(' ')}: ${why}\n${this.complaints}`));
    this.child.once('error', (error) => failed(error.message));
    this.child.once('exit', (code) => failed(`ended with ${code} before it was ready`));
    const timer = setTimeout(() => failed(`was not ready after ${readyMs} ms`), readyMs);
    // Read to the end, so that what it logs later never fills the pipe.
    createInterface(this.child.stdout!).on('line', (line) => {
      if (line.includes('"msg":"ready"')) ready.resolve(JSON.parse(line));
      // Callers are not told what an internal error was; the log is.
      else if (/"level":"(warn|error|fatal)"/.test(line)) process.stderr.write(`${line}\n`);
    });
    try {
      return await ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** HOST:PORT. */
  get address(): string {
    return this.ready!.grpc;
  }

  /** HOST:PORT of the HTTP listener. @throws Error if it has none. */
  get httpAddress(): string {
    const { http } = this.ready!;
    if (http === undefined) throw new Error(`${this.child.spawnargs.join(' ')} serves no HTTP`);
    return http;
  }

  /** HOST:PORT of the listener with metrics. @throws Error if it has none. */
  get adminAddress(): string {
    const { admin } = this.ready!;
    if (!admin) throw new Error(`${this.child.spawnargs.join(' ')} serves no metrics`);
    return admin;
  }

  /** That of the server itself, which is not the child if something runs it for us. */
  get pid(): number {
    return this.ready!.pid;
  }

  /** See {@link cpuSecondsOf}. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  /** See {@link residentBytesOf}. */
  residentBytes(): { readonly now: number; readonly peak: number } {
    return residentBytesOf(this.pid);
  }

  kill(): void {
    for (const pid of [this.ready?.pid, this.child.pid]) if (pid !== undefined) signal(pid, 'SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.kill(), stopMs);
    signal(this.pid, 'SIGTERM');
    await this.exited;
    clearTimeout(timer);
  }
}

/** A process that has ended by itself needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
