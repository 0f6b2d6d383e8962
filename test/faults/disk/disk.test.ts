/** The short form of the disk faults of `npm run faults`: one of each kind. */
import { expect, it } from 'vitest';
import { scenarios } from './scenarios.ts';

const chosen = [
  'no space for contents',
  'no space for the tables of the index',
  'no space for either',
  'a file system of contents that becomes read-only for a while',
  // Syncs are counted by thread, and now and then one thread has five in a start. This one comes after that.
  'an input/output error at sync number 12',
  'an input/output error at sync number 2 of a start',
  'too few file descriptors',
  'somebody else fills the disk, and things are deleted, with what is kept back',
  'somebody else fills the disk, and the reaper is alone, with nothing kept back',
  'commands on a disk that somebody else has filled, with a service',
  'commands on a disk that somebody else has filled, without one',
  'ENOSPC at every write while it serves',
  'EIO at every sync while it serves',
  'EDQUOT at every write while the reaper alone writes',
  'EDQUOT at every creation while it starts',
];

for (const name of chosen) {
  const scenario = scenarios.find((one) => one.name === name)!;
  const obstacle = scenario.obstacle();
  if (obstacle !== undefined) console.warn(`skipped, ${name}: ${obstacle}`);
  it.concurrent(`nothing acknowledged is lost, and pushes go on by themselves: ${name}`, {
    timeout: 600_000,
    skip: obstacle !== undefined,
  }, async () => {
    const { faults, said } = await scenario.play();
    console.log(`${name}: ${said}`);
    expect(faults).toEqual([]);
  });
}
