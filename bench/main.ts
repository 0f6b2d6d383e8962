/** `npm run bench`: measures the service against its controls. docs/performance.md says what the figures mean. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './cli.ts';
import { clients } from './clients.ts';
import { growth } from './growth.ts';
import { describeMachine } from './harness/machine.ts';
import { type Options, readOptions, UsageError, usage } from './harness/options.ts';
import { tableOf, writeResults } from './harness/report.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { heal } from './heal.ts';
import { jsonDownload } from './json-download.ts';
import { memory } from './memory.ts';
import { p1 } from './p1-upload.ts';
import { p2 } from './p2-put.ts';
import { p3 } from './p3-download.ts';
import { p4 } from './p4-processor.ts';
import { p5 } from './p5-push.ts';
import { p5c } from './p5c-etcd.ts';
import { p6 } from './p6-latency.ts';
import { p7 } from './p7-query.ts';
import { p7b } from './p7b-sqlite.ts';
import { p7c } from './p7c-shapes.ts';
import { p7d } from './p7d-pages.ts';
import { p8 } from './p8-again.ts';
import { p9, p9s } from './p9-reap.ts';
import { p10 } from './p10-stalled.ts';
import { p11 } from './p11-bucket.ts';
import { p12 } from './p12-start.ts';
import { p13 } from './p13-postgres.ts';
import { p14 } from './p14-tails.ts';
import { p15 } from './p15-query.ts';
import { p16 } from './p16-bytes.ts';
import { p17 } from './p17-index.ts';
import { p18 } from './p18-replicas.ts';
import { readMemory } from './read-memory.ts';
import { sizing } from './sizing.ts';
import { keptStore } from './stores/cache.ts';
import { watchers } from './watchers.ts';

const targets: readonly Target[] = [
  p1,
  p2,
  p3,
  p4,
  p5,
  p5c,
  p6,
  p7,
  p7b,
  p7c,
  p7d,
  p8,
  p9,
  p9s,
  p10,
  p11,
  p12,
  p13,
  p14,
  p15,
  p16,
  p17,
  p18,
  growth,
  memory,
  readMemory,
  watchers,
  heal,
  jsonDownload,
  cli,
  clients,
  sizing,
];

/** For a target that does not say how long it may take. */
const minutesMaxDefault = 20;

/** Every generated store is drawn from this. */
const seed = 1;

const options = optionsOrExit();
if (options.task === 'help') process.stdout.write(usage);
else if (options.task === 'list')
  for (const { name, what } of targets) process.stdout.write(`${name.padEnd(11)} ${what}\n`);
else await measure(options);

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2), targets);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`bench: ${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

async function measure({ targets: wanted, directory: parent, ...given }: Options): Promise<void> {
  const time = new Date();
  const machine = describeMachine(parent);
  const directory = temporaryDirectory(parent);
  const figures: Figure[] = [];
  const print = () => {
    const paths = writeResults(join(import.meta.dirname, 'results'), figures, given, machine, time);
    process.stdout.write(`${tableOf(figures, given, machine)}\nWritten to ${paths.join(', ')}\n`);
  };
  for (const target of wanted) {
    const say = (message: string) => void process.stderr.write(`${target.name}: ${message}\n`);
    if (target.needsStores)
      for (const live of given.sizes) await keptStore(given.stores, { live, seed }, say);
    const context: Context = {
      ...given,
      directory: mkdtempSync(join(directory, `${target.name}-`)),
      store: (live) => keptStore(given.stores, { live, seed }, say),
      say,
    };
    await target.prepare?.(context);
    const { minutesMax = minutesMaxDefault } = target;
    const timer = setTimeout(() => {
      say(`still not done after ${minutesMax} minutes: given up`);
      // What the targets before it took long to measure.
      if (figures.length > 0) print();
      process.exit(1);
    }, minutesMax * 60_000);
    figures.push(...(await target.measure(context)));
    clearTimeout(timer);
    // What one target wrote must not fill the disk for the next.
    rmSync(context.directory, { recursive: true, force: true });
  }
  print();
}

/** Removed when this process ends, however it does, unless it is killed outright. */
function temporaryDirectory(parent: string): string {
  const directory = mkdtempSync(join(parent, 'artifacta-bench-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  return directory;
}
