/** The short form of the flipped bits of `npm run faults`. */
import { expect, it } from 'vitest';
import { flipBits } from './rot.ts';

const seed = 20_260_102;

it('a flipped bit anywhere in a store is noticed or harmless: nothing wrong is answered, and nothing is hidden', {
  timeout: 600_000,
}, async () => {
  const { faults, verdicts } = await flipBits(90, seed);
  for (const [kind, counts] of verdicts)
    console.log(`${kind}: ${JSON.stringify(Object.fromEntries(counts))}`);
  expect(faults).toEqual([]);
  expect([...verdicts.keys()].sort()).toEqual([
    'contents',
    'index.mark',
    'index/CURRENT',
    'log',
    'manifest',
    'tables',
  ]);
  // Else the bits were not flipped where anybody looks.
  expect(verdicts.get('contents')!.get('refused')).toBeGreaterThan(10);
  expect(verdicts.get('tables')!.get('recovery')).toBeGreaterThan(10);
});
