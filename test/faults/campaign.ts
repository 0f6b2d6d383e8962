/** Series of kills. */
import type { Kind } from '../support/gcs/server.ts';
import { type Failpoint, failpoints } from './failpoints.ts';
import { type Bucket, Rig, type Tally } from './rig.ts';
import { Chance } from './seeded.ts';

export interface Report {
  readonly faults: readonly string[];
  readonly tally: Tally;
}

export interface CampaignOptions {
  readonly seed: number;
  /** Told of each kill. Default: nobody is. */
  readonly progress?: (line: string) => void;
  /** Where the contents are. Default: on a disk. */
  readonly bucket?: Bucket;
}

/** The longest that a server lives under load, in milliseconds. */
const lifeMsMax = 600;

/** Kills servers at random times, one after another, on one data directory. Stops at the first that leaves a fault. */
export async function killAtRandom(kills: number, options: CampaignOptions): Promise<Report> {
  return await onRig(options, async (rig) => {
    for (let kill = 1; kill <= kills && rig.oracle.faults.length === 0; kill++) {
      await rig.killAtRandom(lifeMsMax);
      options.progress?.(`kill ${kill} at random`);
    }
  });
}

/**
 * A server dies at every failpoint under load, on one data directory. Stops at the first that leaves a fault.
 *
 * @param steps default: all but those of starts.
 */
export async function killAtFailpoints(
  options: CampaignOptions,
  steps: readonly Failpoint[] = failpoints,
): Promise<Report> {
  const chance = new Chance(options.seed);
  return await onRig(options, async (rig) => {
    for (const step of steps) {
      if (rig.oracle.faults.length > 0 || step.startsWith('start.')) continue;
      // What slips out while a batch is stalled depends on what is sent just then.
      for (
        let times = step === 'batch.stalled' ? 4 : 1;
        times > 0 && rig.oracle.faults.length === 0;
        times--
      ) {
        const occurrence = chance.between(1, isFrequent(step) ? 12 : 2);
        await rig.killAt(step, occurrence);
        options.progress?.(`kill at ${step} ${occurrence}`);
      }
    }
  });
}

/**
 * What a start passes that has a seal to finish, in its order. Each of those in a row leaves the seal to the next
 * start, and only the last may complete it.
 */
const rows: readonly (readonly Failpoint[])[] = [
  [
    'start.staleRemoved',
    'manifest.staged',
    'manifest.written',
    'manifest.published',
    'batch.before',
    'batch.after',
    'start.sealsFinished',
  ],
  ['seal.sealed', 'start.sealsFinished'],
];

/** Starts die at every failpoint that a start has, while they finish a seal that a crash interrupted. */
export async function killStarts(options: CampaignOptions): Promise<Report> {
  return await onRig(options, async (rig) => {
    for (const row of rows) {
      await rig.killAt('seal.fenced', 1, true);
      for (const step of row) {
        if (rig.oracle.faults.length > 0) return;
        if (!(await rig.killStart(step, 1))) rig.oracle.fault(`a start did not come by ${step}`);
        options.progress?.(`kill of a start at ${step}`);
      }
      await rig.startAndCheck();
    }
  });
}

/**
 * A request of a server that dies: its kind, what the bucket does about it, and how many others come first. `direct`: it
 * is one of a direct upload.
 */
export type RequestKill = readonly [
  kind: Kind,
  fault: 'stall' | 'done, stall' | 'late',
  skipped?: number,
  direct?: 'direct',
];

/** Servers die while the bucket has a request of theirs, on one data directory. */
export async function killAtRequests(
  kills: readonly RequestKill[],
  options: CampaignOptions,
): Promise<Report> {
  return await onRig(options, async (rig) => {
    for (const [kind, fault, skipped = 0, direct] of kills) {
      if (rig.oracle.faults.length > 0) return;
      await rig.killAtRequest(kind, fault, skipped, direct !== undefined);
      options.progress?.(`kill while the bucket has a ${kind}: ${fault}`);
    }
  });
}

function isFrequent(step: Failpoint): boolean {
  return step.startsWith('upload.') || step.startsWith('batch.') || step.startsWith('answer.');
}

async function onRig(options: CampaignOptions, work: (rig: Rig) => Promise<void>): Promise<Report> {
  await using rig = await Rig.open(options.seed, undefined, options.bucket);
  try {
    await work(rig);
    await rig.finish();
  } catch (error) {
    rig.oracle.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { faults: rig.oracle.faults, tally: rig.tally };
}
