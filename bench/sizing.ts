/** What a store of so many artifacts needs: disk for the index, and memory of the service that has it. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { copyStore, sizeName } from './stores/cache.ts';

const MiB = 1024 * 1024;
/** Of the index, for an artifact with the metadata, labels and lineage that the generated ones have. */
const bytesMax = 4_096;

export const sizing: Target = {
  name: 'sizing',
  what: 'bytes of the index for an artifact, and memory of a service that has just started',
  needsStores: true,
  async measure(context) {
    const figures: Figure[] = [];
    for (const live of context.sizes) figures.push(await measure(context, live));
    return figures;
  },
};

async function measure(context: Context, live: number): Promise<Figure> {
  const store = await context.store(live);
  const [bytes, resident, startMs]: [number[], number[], number[]] = [[], [], []];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`${sizeName(live)}, run ${run} of ${context.runs}`);
    // Whoever opens a store writes to it.
    const copy = join(context.directory, `copy-${live}-${run}`);
    copyStore(store, copy);
    const beganMs = performance.now();
    await using service = await startArtifacta(context, { dataDir: copy });
    startMs.push(performance.now() - beganMs);
    resident.push(service.residentBytes().now / MiB);
    bytes.push(sizeOf(join(copy, 'index')) / live);
    rmSync(copy, { recursive: true, force: true });
  }
  const series = (label: string, unit: string, values: readonly number[]) => ({ label, unit, values });
  return {
    id: `sizing ${sizeName(live)}`,
    what: sizing.what,
    result: series('bytes of the index for an artifact', 'bytes', bytes),
    requirement: { bound: 'at most', value: bytesMax },
    others: [
      series('resident when ready', 'MiB', resident),
      series('from the start of the process until ready', 'ms', startMs),
    ],
    notes: ['contents are beside that: up to --inline-bytes-max in the index, above it files'],
  };
}

function sizeOf(directory: string): number {
  const files = readdirSync(directory).filter((name) => !name.startsWith('ballast'));
  return files.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
