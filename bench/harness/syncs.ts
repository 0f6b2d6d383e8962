/** Counts the calls by which the server makes things durable, as the kernel sees them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

interface Syncs {
  readonly fdatasync: number;
  readonly fsync: number;
}

/** True if there is an strace that can filter in the kernel, so that all other calls run at full speed. */
export function canCountSyncs(): boolean {
  const { status } = spawnSync('strace', [
    '--seccomp-bpf',
    '-f',
    '-qq',
    '-e',
    'trace=fsync',
    '-o',
    '/dev/null',
    'true',
  ]);
  return status === 0;
}

/** The command line that runs `command` and writes one line for each of these calls to `file`. */
export function straced(file: string, command: readonly string[]): string[] {
  const filter = ['-e', 'trace=fdatasync,fsync', '-e', 'signal=none'];
  return ['strace', '--seccomp-bpf', '-f', '-qq', ...filter, '-o', file, ...command];
}

/** How many calls have begun so far. */
export function countSyncs(file: string): Syncs {
  const counts = { fdatasync: 0, fsync: 0 };
  for (const [, name] of readFileSync(file, 'latin1').matchAll(/\b(fdatasync|fsync)\(/g))
    counts[name as keyof Syncs]++;
  return counts;
}
