/**
 * The short form of `npm run faults -- --bucket`: the steps and requests that a bucket makes different from a disk. One
 * after another, since each has its own load.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CampaignOptions, killAtFailpoints, killAtRequests, type Report } from '../campaign.ts';
import { deleteAndCollect } from '../deletion/rig.ts';
import { directFailpoints, failpoints } from '../failpoints.ts';
import { BucketProcess } from './bucket-process.ts';
import { directKills, requestKills } from './kills.ts';

const seed = 20_261_129;
const timeout = 600_000;

let bucket: BucketProcess;
beforeAll(async () => {
  bucket = await BucketProcess.start();
});
afterAll(() => bucket[Symbol.asyncDispose]());

async function killed(
  prefix: string,
  kill: (options: CampaignOptions) => Promise<Report>,
): Promise<Report['tally']> {
  const { faults, tally } = await kill({ seed, bucket: { process: bucket, prefix } });
  console.log(`crash rig with a bucket, ${prefix}, seed ${seed}: ${JSON.stringify(tally)}`);
  expect(faults).toEqual([]);
  return tally;
}

it(
  'loses nothing and shows nothing unfinished when it is killed at any step of a content',
  async () => {
    const all = new Set([...failpoints, ...directFailpoints]);
    const steps = [...all].filter((step) => /^(upload|direct|manifest|collect)\./.test(step));
    expect(steps.length).toBe(17);
    const { orphans, direct, unfinished } = await killed('steps', (options) =>
      killAtFailpoints(options, steps),
    );
    // Else the kills were not where they should be.
    expect(orphans).toBeGreaterThan(0);
    expect(direct).toBeGreaterThan(0);
    expect(unfinished).toBeGreaterThan(0);
  },
  timeout,
);

it(
  'nor while the bucket has a request of it, which is done or not, or done later',
  async () => {
    const { orphans } = await killed('requests', (options) =>
      killAtRequests([...requestKills, ...directKills], options),
    );
    expect(orphans).toBeGreaterThan(0);
  },
  timeout,
);

it(
  'I8, I10 everything is readable while it is deleted and collected, and everything goes at last',
  async () => {
    const place = { process: bucket, prefix: 'deletion' };
    const report = await deleteAndCollect({ seed, actions: 1_000, kills: 1, bucket: place });
    console.log(`deletion rig with a bucket, seed ${seed}: ${JSON.stringify(report)}`);
    expect(report.faults).toEqual([]);
    expect(report.removed).toBeGreaterThan(5);
    expect(report.orphans).toBeGreaterThan(0);
  },
  timeout,
);
