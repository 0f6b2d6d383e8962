/** P12: how long a service with many artifacts needs until it is ready, after it was killed in the middle of its work. */
import { join } from 'node:path';
import type { ServerProcess } from './harness/processes.ts';
import { createPath, pushes, pushFrame } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Context, Target } from './harness/target.ts';
import { copyStore, sizeName } from './stores/cache.ts';

/** In larger stores a start reads no more of the index, but more of the directory. */
const sizeMax = 1_000_000;
const inFlight = 64;
/** Pushes that are answered before it is killed. */
const answeredMin = 200;

export const p12: Target = {
  name: 'p12',
  minutesMax: 45,
  what: 'time until the service is ready with 1 M artifacts after `kill -9`, the worst of 50',
  needsStores: true,
  async measure(context) {
    const size = context.sizes.findLast((one) => one <= sizeMax) ?? context.sizes[0]!;
    const kills = context.quick ? 3 : 50;
    const dataDir = join(context.directory, 'data');
    copyStore(await context.store(size), dataDir);
    // The first start finds a store that was closed.
    const pushed = [await startAndKill(context, dataDir)].map(({ pushed }) => pushed);
    const runs: Started[][] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}: ${kills} kills`);
      const starts: Started[] = [];
      for (let at = 0; at < kills; at++) starts.push(await startAndKill(context, dataDir));
      runs.push(starts);
      pushed.push(...starts.map((start) => start.pushed));
    }
    const seconds = (label: string, of: (all: readonly number[]) => number) => ({
      label,
      unit: 's',
      values: runs.map((starts) => of(starts.map((start) => start.seconds))),
    });
    return [
      {
        id: 'P12',
        what: `time until the service is ready with ${sizeName(size)} artifacts after kill -9, the worst of ${kills}`,
        result: seconds('worst', (all) => Math.max(...all)),
        requirement: { bound: 'at most', value: 3, next: 1.5 },
        ours: seconds('median', median),
        serverCpu: {
          label: 'ours',
          unit: 'CPU-s/start',
          values: runs.map((starts) => median(starts.map(({ cpu }) => cpu))),
        },
        others: [
          seconds('least', (all) => Math.min(...all)),
          {
            label: 'processor time of a start, the worst',
            unit: 'CPU-s',
            values: runs.map((starts) => Math.max(...starts.map(({ cpu }) => cpu))),
          },
          { label: 'pushes that were answered before a kill', unit: '', values: pushed },
        ],
        notes: [
          `from the start of the command to its line "ready"; killed while ${inFlight} pushes are in flight, after ${answeredMin} were answered; the page cache stays`,
          'durable and hashed: every answered push, before the kill; that none is lost is for `npm run faults` to see',
        ],
      },
    ];
  },
};

interface Started {
  readonly seconds: number;
  readonly cpu: number;
  readonly pushed: number;
}

async function startAndKill(context: Context, dataDir: string): Promise<Started> {
  const startedMs = performance.now();
  await using server = await startArtifacta(context, { dataDir });
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = server.cpuSeconds();
  return { seconds, cpu, pushed: await killedWhileBusy(server) };
}

/** @returns how many pushes were answered. */
async function killedWhileBusy(server: ServerProcess): Promise<number> {
  await using client = await RawClient.connect(server.address);
  const frames = pushes().map(pushFrame);
  let answered = 0;
  let isOver = false;
  const enough = Promise.withResolvers<void>();
  const lane = async () => {
    while (!isOver) {
      await client.unary(createPath, frames.next().value!);
      if (++answered === answeredMin) enough.resolve();
    }
  };
  const lanes = Array.from({ length: inFlight }, () =>
    lane().catch((error: unknown) => {
      // What was in flight breaks with the connection.
      if (!isOver) throw error;
    }),
  );
  await Promise.race([enough.promise, Promise.all(lanes)]);
  isOver = true;
  server.kill();
  await Promise.all(lanes);
  return answered;
}
