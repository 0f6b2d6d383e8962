/**
 * Where the processor time of a call goes. A service that runs from its sources takes calls under V8's profiler, which
 * costs some time itself. The time of each thread is the kernel's; that of the main thread is divided by the samples,
 * each of which belongs to the innermost part in which it was taken.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../scripts/free-ports.ts';
import { ticksPerSecond } from '../harness/proc.ts';
import { ServerProcess } from '../harness/processes.ts';
import { RawClient } from '../harness/raw-client.ts';
import { launcher } from '../harness/servers.ts';
import { type Profile, printSlow, type Span } from './slow.ts';

const sampleMicros = 250;

/** The parts of the main thread. The first whose expression matches `url function` of a frame has it. */
export type Parts = readonly (readonly [part: string, frames: RegExp])[];

/** Processor time of each kind of thread so far, in milliseconds. */
function threadTimes(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const own = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const name = Number(id) === pid ? 'main thread' : own;
    const ms = ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond();
    times.set(name, (times.get(name) ?? 0) + ms);
  }
  return times;
}

function partOf(stack: readonly string[], parts: Parts): string {
  for (const frame of stack) {
    const found = parts.find(([, frames]) => frames.test(frame));
    if (found !== undefined) return found[0];
  }
  return 'other functions: promises, timers';
}

/** Returns the microseconds of each stack in the window, innermost frame first, without idle time. */
function stacksOf(profile: Profile, from: number, to: number): Map<readonly string[], number> {
  const micros = new Map<number, number>();
  let at = profile.startTime;
  for (const [order, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[order]!;
    at += delta;
    if (at >= from && at <= to) micros.set(id, (micros.get(id) ?? 0) + delta);
  }
  const stacks = new Map<readonly string[], number>();
  const stackOf = stacksBy(profile);
  for (const [id, spent] of micros) {
    const stack = stackOf(id);
    if (!isIdle(stack)) stacks.set(stack, spent);
  }
  return stacks;
}

/** Returns a function that returns the stack of a node, innermost frame first. */
function stacksBy(profile: Profile): (id: number) => string[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id);
  return (id) => {
    const stack: string[] = [];
    for (let one: number | undefined = id; one !== undefined; one = parents.get(one)) {
      const { url, functionName } = nodes.get(one)!.callFrame;
      stack.push(`${url.replace(/^file:\/\/.*?\/(src|gen|node_modules)\//, '$1/')} ${functionName}`);
    }
    return stack;
  };
}

function isIdle(stack: readonly string[]): boolean {
  return stack[0]!.endsWith('(idle)');
}

/** Returns a function that returns the part of a node; undefined while the thread is idle. */
function partsOf(profile: Profile, parts: Parts): (id: number) => string | undefined {
  const stackOf = stacksBy(profile);
  const known = new Map<number, string | undefined>();
  return (id) => {
    if (!known.has(id)) {
      const stack = stackOf(id);
      known.set(id, isIdle(stack) ? undefined : partOf(stack, parts));
    }
    return known.get(id);
  };
}

function print(title: string, shares: ReadonlyMap<string, number>, scale: number, most = 100): void {
  const sum = [...shares.values()].reduce((total, share) => total + share, 0);
  console.log(`\n${title}`);
  for (const [name, share] of [...shares].sort(([, a], [, b]) => b - a).slice(0, most))
    console.log(`${((share / sum) * scale).toFixed(1).padStart(8)}  ${name}`);
}

/** What is measured. */
interface Profiled {
  /** One call, in words. */
  readonly call: string;
  readonly count: number;
  /** A store that the service opens and writes to. Default: a new, empty one. */
  readonly dataDir?: (directory: string) => Promise<string>;
  /** Called before the calls are counted. */
  warmUp(client: RawClient): Promise<unknown>;
  /** Makes the calls. */
  run(client: RawClient): Promise<unknown>;
  readonly parts: Parts;
  /** How many functions are listed. */
  readonly functions: number;
  /** The calls that {@link run} has made. Default: nothing is said of the slowest. */
  readonly spans?: readonly Span[];
}

/** Returns microseconds of the clock of `process.hrtime`, which is the profiler's. */
export const nowMicros = () => Number(process.hrtime.bigint() / 1_000n);

/** Returns the window in which the calls were made, and the time of each kind of thread for a call, in µs. */
async function measure(
  { count, dataDir, warmUp, run }: Profiled,
  directory: string,
): Promise<{ from: number; to: number; threads: Map<string, number> }> {
  const data = (await dataDir?.(directory)) ?? join(directory, 'data');
  const flags = `--cpu-prof --cpu-prof-interval=${sampleMicros} --cpu-prof-dir=${join(directory, 'profile')}`;
  const environment = ['ARTIFACTA_FROM_SOURCES=1', `NODE_OPTIONS=${flags}`];
  const serve = [...environment, launcher, 'serve', '--data-dir', data, ...freePorts];
  await using server = await ServerProcess.start('env', serve);
  await using client = await RawClient.connect(server.address);
  await warmUp(client);
  const before = threadTimes(server.pid);
  const from = nowMicros();
  await run(client);
  const to = nowMicros();
  const threads = new Map<string, number>();
  for (const [name, ms] of threadTimes(server.pid))
    threads.set(name, ((ms - (before.get(name) ?? 0)) * 1_000) / count);
  return { from, to, threads };
}

function printMain(profile: Profile, from: number, to: number, main: number, profiled: Profiled): void {
  const shares = new Map<string, number>();
  const own = new Map<string, number>();
  const within = new Map<string, number>();
  for (const [stack, micros] of stacksOf(profile, from, to)) {
    const part = partOf(stack, profiled.parts);
    shares.set(part, (shares.get(part) ?? 0) + micros);
    own.set(stack[0]!, (own.get(stack[0]!) ?? 0) + micros);
    for (const frame of new Set(stack)) within.set(frame, (within.get(frame) ?? 0) + micros);
  }
  print(`main thread, µs ${profiled.call}`, shares, main);
  if (profiled.functions === 0) return;
  print('functions without what they call', own, main, profiled.functions);
  const total = [...own.values()].reduce((sum, micros) => sum + micros, 0);
  const withinSum = [...within.values()].reduce((sum, micros) => sum + micros, 0);
  print('functions with what they call', within, (main * withinSum) / total, profiled.functions);
}

/** Makes the calls and prints where their time went. */
export async function printProfile(profiled: Profiled): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-profile-'));
  try {
    const { from, to, threads } = await measure(profiled, directory);
    const all = [...threads.values()].reduce((total, micros) => total + micros, 0);
    print(`processor time ${profiled.call}, µs, ${profiled.count} calls: ${all.toFixed(0)}`, threads, all);
    for (const file of readdirSync(join(directory, 'profile'))) {
      const profile: Profile = JSON.parse(readFileSync(join(directory, 'profile', file), 'utf8'));
      printMain(profile, from, to, threads.get('main thread')!, profiled);
      if (profiled.spans !== undefined) printSlow(profile, profiled.spans, partsOf(profile, profiled.parts));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
