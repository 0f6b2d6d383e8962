/** What a command costs before and after it does anything: its processor time ÷ that of Node with nothing to do. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Context, Figure, Target } from './harness/target.ts';

const launcher = resolve(import.meta.dirname, '../bin/artifacta');
/** One run of a command says little; so many are one value. */
const times = 5;

/** A command, and what it may cost. */
interface Command {
  readonly id: string;
  readonly what: string;
  readonly atMost: number;
  readonly args: (dataDir: string) => readonly string[];
  /** Whether a service has the data directory. */
  readonly isServed: boolean;
  /** What it reads from standard input. Default: nothing. */
  readonly input?: string;
}

const push = (dataDir: string) => [
  'push',
  'output.json',
  '--session',
  'run',
  '--quiet',
  '--data-dir',
  dataDir,
];

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
});

const commands: readonly Command[] = [
  { id: 'cli version', what: 'artifacta --version', atMost: 4, args: () => ['--version'], isServed: false },
  { id: 'cli push', what: 'a push to a running service', atMost: 7, args: push, isServed: true },
  { id: 'cli push alone', what: 'a push without a service', atMost: 11, args: push, isServed: false },
  {
    id: 'cli mcp',
    what: 'artifacta mcp, which answers `initialize` and ends',
    atMost: 5,
    args: (dataDir) => ['mcp', '--data-dir', dataDir],
    isServed: false,
    input: `${initialize}\n`,
  },
];

export const cli: Target = {
  name: 'cli',
  what: 'processor time of short commands ÷ `node -e 0`, with what V8 has compiled kept or not',
  async measure(context) {
    const dataDir = mkdtempSync(join(context.directory, 'data-'));
    await using _service = await startArtifacta(context, { dataDir });
    return commands.map((command) => measure(context, command, dataDir));
  },
};

function measure(context: Context, command: Command, servedDir: string): Figure {
  const home = mkdtempSync(join(context.directory, 'home-'));
  writeFileSync(join(home, 'output.json'), '{"total": 42}\n');
  const args = command.args(command.isServed ? servedDir : join(home, 'data'));
  const ours = (cacheHome: string) => cpuMs(home, cacheHome, [launcher, ...args], command.input);
  const cache = join(home, 'cache');
  ours(cache);
  const warm: number[] = [];
  const cold: number[] = [];
  const nothing: number[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`${command.what}, run ${run} of ${context.runs}`);
    nothing.push(several(() => cpuMs(home, cache, [process.execPath, '-e', '0'])));
    warm.push(several(() => ours(cache)));
    cold.push(several((at) => ours(join(home, `cache-${run}-${at}`))));
  }
  const parts = (values: readonly number[]) => values.map((value, at) => value / nothing[at]!);
  const series = (label: string, unit: string, values: readonly number[]) => ({ label, unit, values });
  return {
    id: command.id,
    what: command.what,
    result: series('÷ node -e 0', '', parts(warm)),
    requirement: { bound: 'at most', value: command.atMost },
    ours: series('command', 'CPU-ms', warm),
    control: series('node -e 0', 'CPU-ms', nothing),
    others: [
      series('first time, nothing compiled', 'CPU-ms', cold),
      series('the same ÷ node -e 0', '', parts(cold)),
    ],
    notes: [],
  };
}

function several(once: (at: number) => number): number {
  return median(Array.from({ length: times }, (_, at) => once(at)));
}

/** Processor time of a process and of those that it starts, user and system, in milliseconds, as the shell counts it. */
function cpuMs(home: string, cacheHome: string, command: readonly string[], input = ''): number {
  // Of the usual shells it is Bash that counts finer than ticks of 10 ms.
  const printed = execFileSync('bash', ['-c', '"$@" >&2; times', 'bash', ...command], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: cacheHome },
    input,
    stdio: ['pipe', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  const ofChildren = printed.trimEnd().split('\n').at(-1)!;
  const seconds = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000;
}
