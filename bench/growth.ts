/** What grows with the store: the cost of a start, a push, a query and a removal, and the memory of the service. */
import { join } from 'node:path';
import { askSteadily, checkSteadily, pageSize } from './harness/lists.ts';
import type { Point } from './harness/plot.ts';
import type { ServerProcess } from './harness/processes.ts';
import { pushAll, pushFrames } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { pushExpiring, reapAll } from './harness/reaping.ts';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { copyStore, sizeName } from './stores/cache.ts';

const inFlight = 64;
const mebi = 2 ** 20;

/** What is measured of a store in each run, in the order in which it is measured. */
const aspects = {
  start: { what: 'a start, until the service is ready', unit: 'CPU-s' },
  memoryReady: { what: 'resident memory of a service that is ready', unit: 'MiB' },
  push: { what: `a push of 4 KiB with six metadata keys, ${inFlight} in flight`, unit: 'CPU-ms' },
  query: { what: `agent AND type AND 7 days, newest ${pageSize}`, unit: 'CPU-ms' },
  reap: { what: 'the removal of an expired artifact', unit: 'CPU-ms' },
  memory: { what: 'resident memory after that', unit: 'MiB' },
} as const;

type Aspect = keyof typeof aspects;
type Measured = Readonly<Record<Aspect, number>>;

interface Place {
  readonly size: number;
  readonly dataDir: string;
  readonly runs: Measured[];
}

export const growth: Target = {
  name: 'growth',
  what: 'start, push, query, reaping and memory in stores of several sizes: processor time, as plots',
  needsStores: true,
  minutesMax: 45,
  async measure(context) {
    const { sizes, runs } = context;
    if (sizes.length < 2) {
      context.say('left out: it compares stores of several sizes');
      return [];
    }
    const places: Place[] = [];
    for (const size of sizes) places.push(await prepare(context, size));
    for (let run = 1; run <= runs; run++)
      // Forwards and backwards in turn, so that what drifts weighs on all of them.
      for (const place of run % 2 === 1 ? places : places.toReversed()) {
        context.say(`run ${run} of ${runs}: ${sizeName(place.size)}`);
        place.runs.push(await measureOnce(context, place, run));
      }
    return (Object.keys(aspects) as Aspect[]).map((aspect) => figureOf(aspect, places));
  },
};

/** A copy of the generated store in which nothing is due. */
async function prepare(context: Context, size: number): Promise<Place> {
  const dataDir = join(context.directory, `data-${size}`);
  copyStore(await context.store(size), dataDir);
  await using _server = await startArtifacta(context, { dataDir });
  context.say(`reaping what has expired in the store of ${sizeName(size)}`);
  await reapAll(dataDir);
  return { size, dataDir, runs: [] };
}

async function measureOnce(context: Context, { dataDir }: Place, run: number): Promise<Measured> {
  const count = context.quick ? 200 : 4_000;
  await using server = await startArtifacta(context, { dataDir });
  const start = server.cpuSeconds();
  const memoryReady = residentMiB(server);
  await using client = await RawClient.connect(server.address);
  await pushAll(client, pushFrames(count), inFlight);
  const push = await millisOf(server, count, () => pushAll(client, pushFrames(count), inFlight));
  await checkSteadily(client);
  await askSteadily(client, count / 10);
  const query = await millisOf(server, count / 10, () => askSteadily(client, count / 10));
  await pushExpiring(client, `growth_${run}`, count);
  const reap = await millisOf(server, count, async () => {
    const { artifacts } = await reapAll(dataDir);
    if (artifacts !== count) throw new Error(`${artifacts} artifacts were removed; ${count} had expired`);
  });
  return { start, memoryReady, push, query, reap, memory: residentMiB(server) };
}

/** Returns the processor time that the server takes for each of `count` things, in milliseconds. */
async function millisOf(server: ServerProcess, count: number, work: () => Promise<unknown>): Promise<number> {
  const before = server.cpuSeconds();
  await work();
  return ((server.cpuSeconds() - before) * 1_000) / count;
}

function residentMiB(server: ServerProcess): number {
  return server.residentBytes().now / mebi;
}

function figureOf(aspect: Aspect, places: readonly Place[]): Figure {
  const { what, unit } = aspects[aspect];
  const [small, large] = [places[0]!, places.at(-1)!];
  const values = ({ runs }: Place) => runs.map((measured) => measured[aspect]);
  const name = `growth-${aspect}`;
  return {
    id: name,
    what: `${what}: with ${sizeName(large.size)} artifacts ÷ with ${sizeName(small.size)}`,
    result: {
      label: 'large ÷ small',
      unit: '',
      values: values(large).map((value, run) => value / values(small)[run]!),
    },
    ours: { label: `with ${sizeName(large.size)}`, unit, values: values(large) },
    control: { label: `with ${sizeName(small.size)}`, unit, values: values(small) },
    others: [],
    notes: ['each run starts the service again, on a copy of the store in which nothing was due'],
    plots: [
      {
        name,
        title: what,
        x: 'artifacts in the store',
        y: unit,
        lines: [{ label: 'median of the runs, least to greatest', points: places.map(pointOf(values)) }],
      },
    ],
  };
}

function pointOf(values: (place: Place) => readonly number[]) {
  return (place: Place): Point => {
    const all = values(place);
    return { x: place.size, y: median(all), low: Math.min(...all), high: Math.max(...all) };
  };
}
