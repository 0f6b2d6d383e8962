/** The long form of the rig that loses volumes. */
import type { Outcome } from '../outcome.ts';
import { ends, type Kind, loseVolumes } from './rig.ts';

interface CampaignOptions {
  readonly seed: () => number;
  /** How many volumes are lost, to each place. */
  readonly losses: number;
  /** `bucket` or `directory`. Undefined: both. */
  readonly to: string | undefined;
  readonly isOver: () => boolean;
}

/** How many volumes one place outlives. */
const lossesEach = ends.length;
/** How long a service with the usual gathering works, in milliseconds. */
const usualLifeMs = 17_000;

/** Loses volumes at every step, and once with the gathering of a usual service. @throws RangeError */
export async function* loseManyVolumes({
  seed,
  losses,
  to,
  isOver,
}: CampaignOptions): AsyncGenerator<Outcome> {
  for (const kind of kindsOf(to)) {
    for (let done = 0; done < losses && !isOver(); done += lossesEach) {
      const now = Math.min(lossesEach, losses - done);
      const { faults, tally } = await loseVolumes(kind, seed(), ends.slice(0, now));
      yield { name: `${kind}, volumes ${done + 1} to ${done + now}`, faults, said: JSON.stringify(tally) };
    }
    if (isOver()) return;
    const { faults, tally } = await loseVolumes(kind, seed(), [{}], (rig) => rig.liveTenSeconds(usualLifeMs));
    yield { name: `${kind}, ten seconds before the loss`, faults, said: JSON.stringify(tally) };
  }
}

function kindsOf(text: string | undefined): readonly Kind[] {
  if (text === undefined) return ['bucket', 'directory'];
  if (text === 'bucket' || text === 'directory') return [text];
  throw new RangeError(`--shipped-to: must be bucket or directory, not ${text}`);
}
