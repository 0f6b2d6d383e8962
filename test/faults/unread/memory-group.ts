/** A control group that bounds the memory of one process, by version 2 of control groups or 1. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MemoryGroup extends Disposable {
  /** What a shell runs first to be in the group. */
  readonly enter: string;
  /** The most that its processes have had, in MiB. */
  readonly peak: () => number | undefined;
}

const versions = [
  { root: '/sys/fs/cgroup', has: 'cgroup.controllers', limit: 'memory.max', peak: 'memory.peak' },
  {
    root: '/sys/fs/cgroup/memory',
    has: 'memory.limit_in_bytes',
    limit: 'memory.limit_in_bytes',
    peak: 'memory.max_usage_in_bytes',
  },
] as const;

/** @returns why there is none, where none can be made: that takes root and a kernel that lets it. */
export function makeMemoryGroup(name: string, mebibytes: number): MemoryGroup | string {
  const version = versions.find(({ root, has }) => existsSync(join(root, has)));
  if (version === undefined) return 'this system has no control groups';
  const at = join(version.root, name);
  const file = (part: string) => join(at, part);
  try {
    mkdirSync(at);
    writeFileSync(file(version.limit), String(mebibytes * 1024 * 1024));
  } catch (error) {
    if (existsSync(at)) rmdirSync(at);
    return error instanceof Error ? error.message : String(error);
  }
  return {
    enter: `echo $$ > ${file('cgroup.procs')}`,
    peak: () => {
      if (!existsSync(file(version.peak))) return undefined;
      return Math.round(Number(readFileSync(file(version.peak), 'utf8')) / 1024 / 1024);
    },
    [Symbol.dispose]: () => rmdirSync(at),
  };
}
