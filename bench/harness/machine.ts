/** What a result depends on besides the code. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

export interface Machine {
  /** With `+changes` if files differ from it. */
  readonly commit: string;
  readonly node: string;
  /** What the service runs with, and their versions. */
  readonly packages: Readonly<Record<string, string>>;
  readonly kernel: string;
  readonly fileSystem: string;
  readonly processors: number;
  readonly processor: string;
  readonly memoryGiB: number;
  /** Over the last minute, when the benchmark began: work of others shows here. */
  readonly load: number;
}

export function describeMachine(directory: string): Machine {
  return {
    commit: commit(),
    node: process.version,
    packages: packageJson.dependencies,
    kernel: release(),
    fileSystem: fileSystemOf(directory),
    processors: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    load: loadavg()[0]!,
  };
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', ['--no-optional-locks', ...args], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  try {
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+changes');
  } catch {
    return 'unknown';
  }
}

/** The type of what is mounted where `directory` is. */
function fileSystemOf(directory: string): string {
  const path = `${resolve(directory)}/`;
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const candidates = mounts
    .map((line) => line.split(' '))
    .filter(([, at]) => at !== undefined && path.startsWith(at === '/' ? at : `${at}/`))
    .sort(([, a], [, b]) => a!.length - b!.length);
  return candidates.at(-1)?.[2] ?? 'unknown';
}
