/** The short form of `npm run faults -- --replicas`: the first things that happen to replicas, each once. */
import { expect, it } from 'vitest';
import { postgresPrograms } from '../../support/postgres.ts';
import { checkHistory } from './rig.ts';

const programs = postgresPrograms();
if ('missing' in programs) console.warn(`skipped, the history of replicas: ${programs.missing}`);

it('three replicas say what any of them has acknowledged, also when one is paused, killed or cut off', {
  timeout: 400_000,
  skip: 'missing' in programs,
}, async () => {
  const { faults, said } = await checkHistory({ seed: 20_261_130, rounds: 4 });
  console.log(`replicas rig: ${said}`);
  expect(faults).toEqual([]);
});
