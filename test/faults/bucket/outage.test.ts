/** The short form of `npm run faults -- --outage`: it counts calls that fail, and judges no times. */
import { expect, it } from 'vitest';
import { failBucket } from './outage.ts';

it('a bucket that fails under load loses nothing, and is used again by itself', {
  timeout: 300_000,
}, async () => {
  const { faults, said } = await failBucket({
    seed: 20_261_129,
    failings: [true, 'reset', 'stall'],
    untilOver: (load) => load.failed(12),
    isTimed: false,
  });
  console.log(`outage rig: ${said}`);
  expect(faults).toEqual([]);
});
