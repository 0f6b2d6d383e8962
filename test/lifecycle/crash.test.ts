/**
 * A crash at every step of ending things: what is durable at each step is kept aside, and a store that is opened over it
 * comes to the same end. Nothing that readers see depends on where it was.
 */
import { expect, test } from 'vitest';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import type { Step } from '../../src/store/rows/steps.ts';
import { allKeys, copied } from '../store/verify/verify-rig.ts';
import { inconsistencies } from '../support/naive.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { startOfTime } from '../support/service.ts';
import { fill, reapAll, told } from './endings.ts';
import { day, rigOver } from './rig.ts';

const blobs = openMemoryBlobs();

async function opened(rows: MemoryRows, clock: { now: number }, onStep?: (step: Step) => Promise<void>) {
  const index = await openMemoryIndex({ clock: () => clock.now, rows });
  const store = await openCheckedStore({ index, blobs, ...(onStep === undefined ? {} : { onStep }) });
  const whole = { store, index, blobs, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  return rigOver(whole);
}

test('a crash at any step of a deletion, a lapse or the reaper changes nothing', {
  timeout: 120_000,
}, async () => {
  const rows = new MemoryRows();
  const clock = { now: startOfTime };
  const kept: { step: Step; rows: MemoryRows }[] = [];
  let isKeeping = false;
  const rig = await opened(rows, clock, async (step) => {
    if (isKeeping) kept.push({ step, rows: await copied(rows) });
  });
  await fill(rig);
  // Request ids of the beginning are not remembered any more, either.
  rig.pass(2 * day);
  isKeeping = true;
  await rig.remove('deleted');
  await reapAll(rig);
  isKeeping = false;
  expect(await inconsistencies(rig.index, blobs, { reaped: true })).toEqual([]);
  const expected = await told(rig);
  const keys = (await allKeys(rows)).length;
  await rig[Symbol.asyncDispose]();

  const steps = new Set(kept.map(({ step }) => step));
  for (const step of [
    'session.deleted',
    'seal.fenced',
    'seal.sealed',
    'reap.artifacts',
    'reap.others',
    'reap.lapsed',
    'reap.emptied',
    'reap.session',
  ] as const)
    expect([step, steps.has(step)]).toEqual([step, true]);

  for (const [at, { step, rows: left }] of kept.entries()) {
    const name = `${at} ${step}`;
    await using again = await opened(left, clock);
    expect([name, await inconsistencies(again.index, blobs, { reaped: true })]).toEqual([name, []]);
    expect([name, await told(again)]).toEqual([name, expected]);
    await reapAll(again);
    expect([name, await inconsistencies(again.index, blobs, { reaped: true })]).toEqual([name, []]);
    expect([name, await told(again)]).toEqual([name, expected]);
    // The same rows are left, but for the traces of asking.
    expect([name, Math.abs((await allKeys(left)).length - keys) <= 12]).toEqual([name, true]);
  }
});
