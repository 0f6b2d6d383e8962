/** The short form of the power cuts of `npm run faults`: what was acknowledged survives them. */
import { expect, it } from 'vitest';
import { cutPower } from './campaign.ts';
import { whyNoPowerDisk } from './disk.ts';

const seed = 20_260_102;
const obstacle = whyNoPowerDisk();
if (obstacle !== undefined) console.warn(`skipped: ${obstacle}`);

it.skipIf(obstacle !== undefined).each(['same', 'split'] as const)(
  'nothing acknowledged is lost when the power fails, index and contents on %s file systems',
  async (layout) => {
    const { faults, tally } = await cutPower(2, layout, { seed });
    console.log(`power rig, ${layout}, seed ${seed}: ${JSON.stringify(tally)}`);
    expect(faults).toEqual([]);
    expect(tally.acknowledged).toBeGreaterThan(0);
  },
  120_000,
);
