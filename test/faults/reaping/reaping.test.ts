/** The short form of `npm run faults -- --reaping`: the steps that differ, each once or twice. */
import { expect, it } from 'vitest';
import { BucketProcess } from '../bucket/bucket-process.ts';
import { type EndingKill, killEndings } from './rig.ts';

const ofReaping: readonly EndingKill[] = [
  { phase: 0, step: 'session.deleted', occurrence: 1 },
  { phase: 0, step: 'seal.fenced', occurrence: 1 },
  { phase: 0, step: 'seal.sealed', occurrence: 1 },
  { phase: 0, step: 'reap.lapsed', occurrence: 1 },
  { phase: 0, step: 'reap.artifacts', occurrence: 1 },
  { phase: 0, step: 'reap.artifacts', occurrence: 3 },
  { phase: 0, step: 'reap.emptied', occurrence: 1 },
  { phase: 0, step: 'reap.emptied', occurrence: 2 },
  { phase: 0, step: 'reap.session', occurrence: 1 },
  { phase: 0, step: 'reap.session', occurrence: 2 },
  { phase: 0, step: 'reap.others', occurrence: 1 },
];

const ofCollecting: readonly EndingKill[] = [
  { phase: 1, step: 'collect.condemned', occurrence: 4 },
  { phase: 1, step: 'collect.orphanCondemned', occurrence: 1 },
  { phase: 2, step: 'collect.swept', occurrence: 3 },
];

const timeout = 600_000;

it('a kill at any step of ending things loses nothing and leaves nothing', { timeout }, async () => {
  const { faults, tally } = await killEndings({ bucket: undefined, kills: [...ofReaping, ...ofCollecting] });
  console.log(`reaping rig: ${JSON.stringify(tally)}`);
  expect(faults).toEqual([]);
  expect(tally.kills).toBe(ofReaping.length + ofCollecting.length);
  // Else nothing was collected.
  expect(tally.left).toBeLessThan(tally.stored / 2);
});

it('nor with the contents in a bucket, also while it has a deletion, which is done or not, or done later', {
  timeout,
}, async () => {
  await using bucket = await BucketProcess.start();
  const kills: readonly EndingKill[] = [
    ...ofCollecting,
    { phase: 2, deletion: 'stall', skipped: 0 },
    { phase: 2, deletion: 'done, stall', skipped: 5 },
    { phase: 2, deletion: 'late', skipped: 9 },
    // What clients have sent and not finished.
    { phase: 1, step: 'collect.swept', occurrence: 1 },
    { phase: 1, deletion: 'late', skipped: 0 },
    { phase: 3, step: 'collect.swept', occurrence: 1 },
  ];
  const { faults, tally } = await killEndings({ bucket, kills });
  console.log(`reaping rig with a bucket: ${JSON.stringify(tally)}`);
  expect(faults).toEqual([]);
  expect(tally.kills).toBe(kills.length);
  expect(tally.left).toBeLessThan(tally.stored / 2);
});
