/** Writes, snapshots and reads in an order that is drawn, while batches are stalled on their way to the disk. */
import type { Random } from '../../bench/stores/random.ts';
import type { Snapshot } from '../../src/index/door.ts';
import { type Rig, turns } from './support.ts';

interface Actions {
  readonly write: () => Promise<unknown>;
  /** Compares what a snapshot gives from memory with what it reads. */
  readonly check: (snapshot: Snapshot) => Promise<void>;
}

/** Takes 400 steps; then waits until all is written, and checks the snapshots that are left and one more. */
export async function inAnyOrder(
  { index, faults }: Pick<Rig, 'index' | 'faults'>,
  random: Random,
  { write, check }: Actions,
): Promise<void> {
  const snapshots: Snapshot[] = [];
  const writes: Promise<unknown>[] = [];
  for (let step = 0; step < 400; step++) {
    if (step % 40 === 10) void faults.stall();
    if (step % 40 === 30) faults.release();
    switch (random.below(4)) {
      case 0:
        writes.push(write());
        break;
      case 1:
        snapshots.push(index.snapshot());
        if (snapshots.length > 4) await snapshots.shift()![Symbol.asyncDispose]();
        break;
      case 2:
        await turns(random.below(3));
        break;
      default: {
        const snapshot = snapshots[random.below(snapshots.length || 1)];
        if (snapshot !== undefined) await check(snapshot);
      }
    }
  }
  faults.release();
  await Promise.all(writes);
  snapshots.push(index.snapshot());
  for (const snapshot of snapshots) {
    await check(snapshot);
    await snapshot[Symbol.asyncDispose]();
  }
}
