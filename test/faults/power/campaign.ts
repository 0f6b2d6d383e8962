/** Series of power cuts under load. */
import type { CampaignOptions, Report } from '../campaign.ts';
import { Rig } from '../rig.ts';
import { type Layout, PowerDisk } from './disk.ts';

/** The longest that a server lives under load before the power is cut, in milliseconds. */
const lifeMsMax = 900;

/** Cuts the power again and again over one data directory. Stops at the first cut that leaves a fault. */
export async function cutPower(cuts: number, layout: Layout, options: CampaignOptions): Promise<Report> {
  using disk = new PowerDisk(layout);
  await using rig = await Rig.open(options.seed, disk);
  try {
    for (let cut = 1; cut <= cuts && rig.oracle.faults.length === 0; cut++) {
      await rig.cutPower(lifeMsMax, disk);
      options.progress?.(`cut ${cut}`);
    }
    await rig.finish();
  } catch (error) {
    rig.oracle.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { faults: rig.oracle.faults, tally: rig.tally };
}
