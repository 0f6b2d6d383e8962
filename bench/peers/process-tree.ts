/** A process and all of its descendants, as `/proc` shows them. */
import { readdirSync, readFileSync } from 'node:fs';
import { ticksPerSecond } from '../harness/proc.ts';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  /** It has ended, and nobody has waited for it yet. */
  readonly hasEnded: boolean;
  /** In ticks: user and system, its own; user and system of its descendants that have ended and were waited for. */
  readonly ticks: readonly number[];
}

/** The process and its descendants that run; none if all have ended. */
export function treeOf(root: number): readonly number[] {
  return entriesOf(root)
    .filter(({ hasEnded }) => !hasEnded)
    .map(({ pid }) => pid);
}

/** Sends a signal to the process and its descendants. Those that begin meanwhile get it, too; those that end need none. */
export function signalTree(root: number, name: NodeJS.Signals): void {
  // A descendant cannot be found any more when its parent has been killed.
  if (name === 'SIGKILL') signalTree(root, 'SIGSTOP');
  const reached = new Set<number>();
  for (;;) {
    const others = treeOf(root).filter((pid) => !reached.has(pid));
    if (others.length === 0) return;
    for (const pid of others) {
      reached.add(pid);
      send(pid, name);
    }
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Processor time so far, user and system, of a process and of all of its descendants: the living ones, and those that
 * have ended, which the kernel adds to the process that waited for them.
 */
export function treeCpuSeconds(root: number): number {
  for (;;) {
    const before = entriesOf(root);
    const after = entriesOf(root);
    // Between two reads a process may have ended, so that its time was seen twice or not at all.
    const isSame = before.length === after.length && before.every(({ pid }, at) => pid === after[at]!.pid);
    if (isSame) return after.reduce((sum, entry) => sum + secondsOf(entry), 0);
  }
}

/** Resident memory in bytes; a page that several of the processes share counts once. */
export function treeResidentBytes(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

function proportionalBytes(pid: number): number {
  const rollup = readOrNothing(`/proc/${pid}/smaps_rollup`);
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
}

function entriesOf(root: number): Entry[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => entryOf(Number(name)))
    .filter((entry) => entry !== undefined);
  const children = Map.groupBy(all, ({ parent }) => parent);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function entryOf(pid: number): Entry | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  if (stat === '') return undefined;
  // The second field is a name in parentheses, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    parent: Number(fields[1]),
    hasEnded: fields[0] === 'Z',
    ticks: fields.slice(11, 15).map((ticks) => Number(ticks)),
  };
}

function secondsOf({ pid, ticks: [user, system, userOfEnded, systemOfEnded] }: Entry): number {
  // Ticks of 10 ms hide what many processes do that each do little; nanoseconds lack the threads that have ended.
  const own = Math.max((user! + system!) / ticksPerSecond(), threadSeconds(pid));
  return own + (userOfEnded! + systemOfEnded!) / ticksPerSecond();
}

/** Processor time of the living threads of a process, if the kernel counts it in nanoseconds; else 0. */
function threadSeconds(pid: number): number {
  const nanoseconds = threadsOf(pid).map((thread) =>
    Number(readOrNothing(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]),
  );
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Empty for a process that has just ended. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
