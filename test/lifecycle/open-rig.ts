import { expect, onTestFinished } from 'vitest';
import { inconsistencies } from '../support/naive.ts';
import { openTestStore } from '../support/service.ts';
import { type Rig, rigOver } from './rig.ts';

/** Closed, and every row checked against the records, when the test has ended. */
export async function openRig(): Promise<Rig> {
  const opened = await openTestStore();
  onTestFinished(async () => {
    const faults = await inconsistencies(opened.index, opened.blobs, { reaped: true });
    await opened[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  });
  return rigOver(opened);
}
