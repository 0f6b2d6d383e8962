/** The program as it is installed, in processes of their own that share a home directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compileCache } from '../support/compile-cache.ts';

const program = resolve(import.meta.dirname, '../../bin/artifacta');

export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** stdout as text. */
  readonly text: string;
}

/** A home directory, and whoever runs in it. */
export class Home implements AsyncDisposable {
  readonly directory: string;
  private readonly children: ChildProcess[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), 'artifacta-home-')));
  }

  at(...path: string[]): string {
    return join(this.directory, ...path);
  }

  start(args: readonly string[], variables: Readonly<Record<string, string>> = {}): ChildProcess {
    const env = {
      PATH: process.env.PATH,
      HOME: this.directory,
      NODE_COMPILE_CACHE: compileCache,
      ...variables,
    };
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'], cwd: this.directory });
    this.children.push(child);
    return child;
  }

  async run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const child = this.start(args, variables);
    child.stdin!.end();
    return await ended(child);
  }

  /** Kills who is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(this.directory, { recursive: true });
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const collect = async (stream: AsyncIterable<Buffer>) => Buffer.concat(await Array.fromAsync(stream));
  const [stdout, stderr] = await Promise.all([
    collect(child.stdout!),
    collect(child.stderr!),
    child.exitCode ?? child.signalCode ?? once(child, 'exit'),
  ]);
  return {
    code: child.exitCode ?? child.signalCode,
    stdout,
    stderr: stderr.toString(),
    text: stdout.toString(),
  };
}
