/** What is done to a store on a disk, by a process that is killed or by one that is not. */
import { join } from 'node:path';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Step } from '../../../src/store/rows/steps.ts';
import { fill, reapAll, told } from '../../lifecycle/endings.ts';
import { rigOver } from '../../lifecycle/rig.ts';

type Work = 'fill' | 'reap' | 'tell';

/** @returns what readers are told, if that was asked for. */
export async function workOn(
  dataDir: string,
  work: Work,
  now: number,
  onStep: (step: Step) => void = () => undefined,
): Promise<unknown> {
  const clock = { now };
  const index = await openLevelIndex({
    directory: join(dataDir, 'index'),
    markPath: join(dataDir, 'index.mark'),
    clock: () => clock.now,
  });
  const blobs = await openDiskBlobs({ root: dataDir });
  await using store = await openStore({ index, blobs, reserveBytes: 0, onStep });
  const close = () => store[Symbol.asyncDispose]();
  const rig = rigOver({ store, index, blobs, clock, [Symbol.asyncDispose]: close });
  if (work === 'tell') return await told(rig);
  if (work === 'fill') return await fill(rig);
  await rig.remove('deleted');
  return await reapAll(rig);
}
