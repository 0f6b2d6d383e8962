/** `npm run bench`: measures the service against its controls. docs/performance.md says what the figures mean. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './harness/machine.ts';
import { tableOf, writeResults } from './harness/report.ts';
import { type Context, type Figure, runsForVerdict, type Target } from './harness/target.ts';
import { memory } from './memory.ts';
import { p1 } from './p1-upload.ts';
import { p3 } from './p3-download.ts';
import { p5 } from './p5-push.ts';
import { p6 } from './p6-latency.ts';
import { readMemory } from './read-memory.ts';
import { watchers } from './watchers.ts';

const targets: readonly Target[] = [p1, p3, p5, p6, memory, readMemory, watchers];

/** The longest that one target may take. */
const targetMinutesMax = 20;

const usage = `Usage: npm run bench -- [options] [target...]

Measures the targets that are named, or all of them.

  --runs N    how often each is measured (default ${runsForVerdict}; fewer give no verdict)
  --quick     small sizes, to see that everything works
  --dir DIR   where data is written (default the system's temporary directory); its disk is what is measured
  --list      list the targets
`;

const { values, positionals } = readArguments();
if (values.help) {
  process.stdout.write(usage);
} else if (values.list) {
  for (const { name, what } of targets) process.stdout.write(`${name.padEnd(11)} ${what}\n`);
} else {
  await measure(chosen(positionals));
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        dir: { type: 'string', default: tmpdir() },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return refuse(String(error instanceof Error ? error.message : error));
  }
}

function chosen(names: readonly string[]): readonly Target[] {
  const unknown = names.find((name) => !targets.some((target) => target.name === name));
  if (unknown !== undefined) return refuse(`there is no target ${unknown}`);
  return names.length === 0 ? targets : targets.filter(({ name }) => names.includes(name));
}

async function measure(wanted: readonly Target[]): Promise<void> {
  const runs = Number(values.runs ?? (values.quick ? 1 : runsForVerdict));
  if (!Number.isInteger(runs) || runs < 1) refuse(`--runs takes a whole number from 1, not ${values.runs}`);
  const time = new Date();
  const machine = describeMachine(values.dir);
  const directory = temporaryDirectory(values.dir);
  const context = (target: Target): Context => ({
    runs,
    quick: values.quick,
    directory: mkdtempSync(join(directory, `${target.name}-`)),
    say: (message) => process.stderr.write(`${target.name}: ${message}\n`),
  });
  const figures: Figure[] = [];
  for (const target of wanted) {
    const own = context(target);
    const timer = setTimeout(() => {
      own.say(`still not done after ${targetMinutesMax} minutes: given up`);
      process.exit(1);
    }, targetMinutesMax * 60_000);
    figures.push(...(await target.measure(own)));
    clearTimeout(timer);
    // What one target wrote must not fill the disk for the next.
    rmSync(own.directory, { recursive: true, force: true });
  }
  const whole = context({ name: 'all', what: '', measure: async () => [] });
  const path = writeResults(join(import.meta.dirname, 'results'), figures, whole, machine, time);
  process.stdout.write(`${tableOf(figures, whole, machine)}\nWritten to ${path}\n`);
}

/** Removed when this process ends, however it does, unless it is killed outright. */
function temporaryDirectory(parent: string): string {
  const directory = mkdtempSync(join(parent, 'artifacta-bench-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  return directory;
}

function refuse(why: string): never {
  process.stderr.write(`bench: ${why}\n\n${usage}`);
  process.exit(2);
}
