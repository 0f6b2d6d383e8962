/** The short form of the rig of starts: a small index, and few of them. */
import { expect, it } from 'vitest';
import { startAndKill } from './rig.ts';

it('starts that are killed, early or late, are followed by starts that serve all that was acknowledged', async () => {
  const { faults, said, ...counted } = await startAndKill({
    starts: 6,
    artifacts: 5_000,
    burners: 1,
    seed: 3,
  });
  console.log(said);
  expect(faults).toEqual([]);
  expect(counted.ready + counted.killedEarly).toBeLessThanOrEqual(6);
  expect(counted.ready).toBeGreaterThan(0);
  expect(counted.acknowledged).toBeGreaterThan(0);
}, 300_000);
