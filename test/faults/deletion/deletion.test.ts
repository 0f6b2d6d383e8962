/** The short form of `npm run faults -- --deletion`. */
import { expect, it } from 'vitest';
import { deleteAndCollect } from './rig.ts';

const seed = 20_261_124;

it('I8, I10 everything is readable while it is pushed, deleted and collected at once, and everything goes at last', async () => {
  const report = await deleteAndCollect({ seed, actions: 3_000, kills: 2 });
  console.log(`deletion rig, seed ${seed}: ${JSON.stringify(report)}`);
  expect(report.faults).toEqual([]);
  // Else nothing was collected while the others went on.
  expect(report.removed).toBeGreaterThan(5);
  // Else nothing was left by the kills.
  expect(report.orphans).toBeGreaterThan(0);
}, 300_000);
