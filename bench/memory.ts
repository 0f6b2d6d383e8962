/** P10, its third part: an upload must not need memory that grows with its size. */
import { setInterval } from 'node:timers/promises';
import { Content, GiB, MiB } from './harness/content.ts';
import type { ServerProcess } from './harness/processes.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { upload } from './harness/uploads.ts';

/** How often the memory is looked at. Between two looks the kernel's own high-water mark catches peaks. */
const sampleMs = 50;

export const memory: Target = {
  name: 'memory',
  what: 'growth of the resident memory of the server over one upload of 4 GiB',
  async measure(context) {
    const sizeBytes = context.quick ? 128 * MiB : 4 * GiB;
    const warmUpBytes = context.quick ? 64 * MiB : 512 * MiB;
    const runs: Growth[] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      runs.push(await growth(context, new Content(warmUpBytes), new Content(sizeBytes)));
    }
    const mebibytes = (label: string, values: number[]) => ({
      label,
      unit: 'MiB',
      values: values.map((bytes) => bytes / MiB),
    });
    const figure: Figure = {
      id: 'P10',
      what: this.what,
      result: mebibytes(
        'peak − baseline',
        runs.map(({ peak, baseline }) => peak - baseline),
      ),
      requirement: { bound: 'at most', value: 64 },
      others: [
        mebibytes(
          'resident after the warm-up (baseline)',
          runs.map(({ baseline }) => baseline),
        ),
        mebibytes(
          'most that was ever resident',
          runs.map(({ peak }) => peak),
        ),
        mebibytes(
          'median of the last quarter − of the first',
          runs.map(({ slope }) => slope),
        ),
      ],
      notes: [
        `a new server each run; warm-up: one upload of ${warmUpBytes / MiB} MiB, after which the baseline is taken`,
        'other parts of P10: the target p10; a disk that stalls is not measured',
      ],
    };
    return [figure];
  },
};

/** In bytes. */
interface Growth {
  readonly baseline: number;
  readonly peak: number;
  /** How much more was resident towards the end of the upload than at its beginning. */
  readonly slope: number;
}

async function growth(context: Context, warmUp: Content, content: Content): Promise<Growth> {
  await using server = await startArtifacta(context);
  await using client = await RawClient.connect(server.address);
  await upload(client, server, warmUp, 0);
  const baseline = server.residentBytes().now;
  const samples = await sampled(server, () => upload(client, server, content, 1));
  const quarter = Math.ceil(samples.length / 4);
  return {
    baseline,
    peak: server.residentBytes().peak,
    slope: middle(samples.slice(-quarter)) - middle(samples.slice(0, quarter)),
  };
}

/** What was resident while `work` ran. */
async function sampled(server: ServerProcess, work: () => Promise<unknown>): Promise<number[]> {
  const done = new AbortController();
  const samples = [server.residentBytes().now];
  const sampling = (async () => {
    for await (const _ of setInterval(sampleMs, undefined, { signal: done.signal }))
      samples.push(server.residentBytes().now);
  })().catch((error: unknown) => {
    if (!done.signal.aborted) throw error;
  });
  try {
    await work();
  } finally {
    done.abort();
    await sampling;
  }
  return samples;
}

function middle(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1]!;
}
