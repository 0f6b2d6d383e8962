/** A home directory, and command lines in it: in this process, or as the program that is installed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Ended } from '../support/command.ts';
import { compileCache } from '../support/compile-cache.ts';
import { removeDirectory } from '../support/directories.ts';
import { artifactaAt } from '../support/in-process.ts';

export const program = resolve(import.meta.dirname, '../../bin/artifacta');

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

  /** Runs a command line in this process, to its end. */
  run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return artifactaAt({ cwd: this.directory, env: this.environment(variables) }, args);
  }

  /** Starts a command line as a process. */
  start(args: readonly string[], variables?: Readonly<Record<string, string>>): ChildProcess {
    return this.spawn(program, args, variables);
  }

  /** Runs a command line as a process, to its end. */
  async runProcess(
    args: readonly string[],
    variables?: Readonly<Record<string, string>>,
  ): Promise<EndedProcess> {
    const child = this.start(args, variables);
    child.stdin!.end();
    return await ended(child);
  }

  spawn(
    command: string,
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const env = this.environment(variables);
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], cwd: this.directory });
    this.children.push(child);
    return child;
  }

  private environment(variables: Readonly<Record<string, string>>) {
    const { PATH } = process.env;
    return { PATH, HOME: this.directory, NODE_COMPILE_CACHE: compileCache, ...variables };
  }

  /** Kills who is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    removeDirectory(this.directory);
  }
}

export interface EndedProcess extends Ended {
  /** What is on stdout, as it is. */
  readonly bytes: Buffer;
}

/** Collects what a process writes, and waits for its end. */
export async function ended(child: ChildProcess): Promise<EndedProcess> {
  const collect = async (stream: AsyncIterable<Buffer>) => Buffer.concat(await Array.fromAsync(stream));
  const [bytes, stderr] = await Promise.all([
    collect(child.stdout!),
    collect(child.stderr!),
    child.exitCode ?? child.signalCode ?? once(child, 'exit'),
  ]);
  const code = (child.exitCode ?? child.signalCode)!;
  return { code, stdout: bytes.toString(), stderr: stderr.toString(), bytes };
}
