/** The short form of the rig that loses volumes; `npm run faults -- --volume` is the long one. */
import { expect, it } from 'vitest';
import { type End, loseVolumes } from './rig.ts';

const planned: readonly End[] = [
  {},
  { step: 'segment.begun' },
  { step: 'segment.published' },
  { step: 'export.published', early: true },
  { step: 'export.published' },
  { step: 'seal.fenced' },
  { step: 'answer.leaving' },
];

it.each(['bucket', 'directory'] as const)(
  'a volume that is lost costs nothing that was shipped: %s',
  {
    timeout: 180_000,
  },
  async (kind) => {
    const { faults, tally } = await loseVolumes(kind, 7, planned);
    expect(faults).toEqual([]);
    expect(tally.lives).toBeGreaterThanOrEqual(planned.length);
    expect(tally.acknowledged).toBeGreaterThan(20);
    if (kind === 'bucket') expect(tally.direct).toBeGreaterThan(3);
  },
);
