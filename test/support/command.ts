/** Command lines as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { removeDirectory } from './directories.ts';
import { noteWarningsIn } from './warnings.ts';

const launcher = resolve(import.meta.dirname, '../../bin/artifacta');

export interface Ended {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has written so far. */
  stdout(): string;
}

/** A directory that is removed when the test ends. */
export async function newDirectory(prefix = 'artifacta-test-'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

/** Starts `artifacta ARGS`. The caller waits for it, or kills it. */
export function start(
  args: readonly string[],
  options: {
    readonly stdin?: 'pipe' | 'ignore';
    readonly env?: Record<string, string>;
    readonly cwd?: string;
  } = {},
): Running {
  const child = spawn(launcher, args, {
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const collected = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      collected[name] += text;
    });
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    noteWarningsIn(collected.stderr);
    return { code: code ?? signal, ...collected };
  });
  return { child, ended, stdout: () => collected.stdout };
}
