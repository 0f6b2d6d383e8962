/**
 * The short form of `npm run faults`: servers are killed with SIGKILL, and nothing that was acknowledged is lost. Much of
 * the time is spent waiting for processes to start, so the three are waited for together.
 */
import { expect, it } from 'vitest';
import { killAtFailpoints, killAtRandom, killStarts, type Report } from './campaign.ts';

const seed = 20_260_102;

function expectNoFault({ faults, tally }: Report): void {
  console.log(`crash rig, seed ${seed}: ${JSON.stringify(tally)}`);
  expect(faults).toEqual([]);
}

it.concurrent('loses nothing and shows nothing unfinished when it is killed at any step', async () => {
  const report = await killAtFailpoints({ seed });
  expectNoFault(report);
  // Else the kills were not where they should be: some fall between a commit and its answer, or before a commit.
  expect(report.tally.unknownMade).toBeGreaterThan(0);
  expect(report.tally.orphans).toBeGreaterThan(0);
}, 600_000);

it.concurrent('nor when it is killed at any step of a start that has a seal to finish', async () => {
  const report = await killStarts({ seed });
  expectNoFault(report);
  expect(report.tally.killsOfStarts).toBe(9);
}, 600_000);

it.concurrent('nor at any other time', async () => {
  expectNoFault(await killAtRandom(6, { seed }));
}, 600_000);
