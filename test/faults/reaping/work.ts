/** What is done to a store by a process that is killed or by one that is not. */
import { join } from 'node:path';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import type { Step } from '../../../src/store/rows/steps.ts';
import { fill, reapAll, told } from '../../lifecycle/endings.ts';
import { everything, type Rig, rigOver } from '../../lifecycle/rig.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { type BucketPlace, openPlace } from '../bucket/place.ts';
import { fillDirectly } from './direct.ts';

/**
 * `push`: one content, which nobody had. `reap`: sessions are deleted, sealed and reaped. `collect`: what is free is
 * collected, and orphans are looked for. `tell`: readers are asked.
 */
export type Work = 'fill' | 'push' | 'reap' | 'collect' | 'tell';

/** Where a store has its data. */
export interface StorePlace {
  readonly dataDir: string;
  /** Undefined: the contents are in the data directory. */
  readonly bucket: BucketPlace | undefined;
}

/** The work on one place, at a time in milliseconds since the Unix epoch. */
export interface Order {
  readonly place: StorePlace;
  readonly work: Work;
  readonly now: number;
}

/**
 * Every content is a file or an object: none is in the index.
 *
 * @param onStep gets the store as well, except during the start: it may work on it.
 * @returns what readers are told, if that was asked for.
 */
export async function workOn(
  { place: { dataDir, bucket }, work, now }: Order,
  onStep: (step: Step, rig: Rig | undefined) => void | Promise<void> = () => undefined,
): Promise<unknown> {
  const clock = { now };
  const index = await openLevelIndex({
    directory: join(dataDir, 'index'),
    markPath: join(dataDir, 'index.mark'),
    clock: () => clock.now,
  });
  using place = bucket && (await openPlace(bucket));
  const blobs = place ?? (await openDiskBlobs({ root: dataDir }));
  let rig: Rig | undefined;
  const report = (step: Step) => onStep(step, rig);
  await using store = await openCheckedStore({
    index,
    blobs,
    reserveBytes: 0,
    inlineBytesMax: 0,
    onStep: report,
  });
  const close = () => store[Symbol.asyncDispose]();
  rig = rigOver({ store, index, blobs, clock, [Symbol.asyncDispose]: close });
  if (work === 'tell') return await told(rig);
  if (work === 'fill') {
    await fill(rig);
    if (bucket !== undefined) await fillDirectly(rig);
    return undefined;
  }
  if (work === 'push') return await rig.push('pushed', 'a');
  if (work === 'collect') return await collectAll(rig);
  await rig.remove('deleted');
  return await reapAll(rig);
}

/** Collects what may be collected now, and looks for orphans. */
export async function collectAll({ store }: Rig): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const { more, pauses } = await store.collection.collect(everything, { findOrphans: round === 0 });
    if (pauses.length > 0) throw new Error(`collection waits: ${JSON.stringify(pauses)}`);
    if (!more) return;
  }
  throw new Error('the collection does not come to an end');
}
