/** The short form of the rig of content types: a small store. */
import { expect, it } from 'vitest';
import { killWhileTypesAreWritten } from './rig.ts';

it('a store of release 0.1 whose starts are killed again and again lists every type as it should', async () => {
  const { faults, said, kills, killsBetween } = await killWhileTypesAreWritten({
    stores: 1,
    artifacts: 2_200,
    kills: 5,
    seed: 2,
  });
  console.log(said);
  expect(faults).toEqual([]);
  expect(kills).toBeGreaterThan(2);
  expect(killsBetween).toBeGreaterThan(0);
}, 300_000);
