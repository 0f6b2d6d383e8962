/**
 * Frees contents that nothing refers to: see "Deletion" in docs/reliability.md. Two queues are processed in order of
 * time, each by transactions that decide from what they read. Files are unlinked last, and only by names that are
 * condemned for good. Any number of calls may run at once, and any call may end at any point. Each process works on the
 * namespaces that it owns; the owner of the store as a whole looks for orphans.
 */
import type { BlobStore } from '../../blobs/blob-store.ts';
import { type Allowance, Budget } from '../../domain/load/budget.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key } from '../../index/row.ts';
import { readGraceMs } from '../rows/blob-rows.ts';
import { isHere, unlessElsewhere } from '../rows/here.ts';
import type { OnStep } from '../rows/steps.ts';
import { condemnSome } from './condemning.ts';
import { firstTimeHere } from './due.ts';
import type { Graces } from './graces.ts';
import { inconsistencyIn } from './inconsistency.ts';
import { Orphans } from './orphans.ts';
import type { Pause, Pauses } from './pauses.ts';
import { sweepSome } from './sweeping.ts';

interface CollectionOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  /**
   * Returns the time of the state of the index to which a loss could lead back, in milliseconds since the Unix epoch.
   * Default: the present state.
   */
  readonly restorableTime?: (() => number) | undefined;
  readonly pauses: Pauses;
  readonly graces: Graces;
  readonly onStep: OnStep | undefined;
}

/** The work of one call. */
export interface Collected {
  /** The number of contents that were taken out of use. */
  readonly condemned: number;
  /** The number of files that were removed, and their bytes. */
  readonly removed: number;
  readonly removedBytes: number;
  /** The number of orphans that were taken out of use. */
  readonly orphans: number;
  readonly more: boolean;
  /**
   * The next time when something may be freed, in milliseconds since the Unix epoch. Undefined if nothing waits, or if
   * more can be freed now.
   */
  readonly nextTime: number | undefined;
  /** The pauses for which the rest waits. */
  readonly pauses: readonly Pause[];
}

/** The time after which the shipping of the index is looked at again, in milliseconds. */
const shippingPollMs = 10_000;

type Tally = { -readonly [K in 'condemned' | 'removed' | 'removedBytes' | 'orphans']: number };

/** The number of removals after which the emptied ranges are compacted. */
const removalsBetweenCompactions = 10_000;

/** Collects free contents, and looks for files that no row knows. */
export class Collection {
  private readonly options: CollectionOptions;
  private readonly orphans: Orphans;
  private readonly underWay = new Set<Promise<unknown>>();
  private isStopped = false;
  /** The number of rows removed from each queue since it was compacted, and the last of them. */
  private readonly removals = {
    maybeFree: { count: 0, last: undefined as Key | undefined },
    condemned: { count: 0, last: undefined as Key | undefined },
  };

  constructor(options: CollectionOptions) {
    this.options = options;
    this.orphans = new Orphans(options.index, options.blobs, options.onStep);
  }

  /**
   * Frees what may be freed, as much as the call is allowed.
   *
   * @param findOrphans look for orphans now, whether a scan is due or not.
   * @throws Failure STORE_UNAVAILABLE if some files could not be removed; the others were.
   */
  async collect(
    allowance: Allowance,
    { findOrphans }: { readonly findOrphans: boolean },
  ): Promise<Collected> {
    const isStopped = () => this.isStopped || allowance.isStopped?.() === true;
    const work = this.run(new Budget({ ...allowance, isStopped }), findOrphans);
    this.underWay.add(work);
    try {
      return await work;
    } finally {
      this.underWay.delete(work);
    }
  }

  /** Begins no further work, and waits for the work in progress: no file is removed after this has resolved. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.allSettled(this.underWay);
  }

  private async run(budget: Budget, findOrphans: boolean): Promise<Collected> {
    const tally: Tally = { condemned: 0, removed: 0, removedBytes: 0, orphans: 0 };
    const failures: unknown[] = [];
    await this.failingClosed(async () => {
      // Contents that are free already come first: then neither kind of work starves the other.
      await this.sweep(budget, tally, failures);
      await this.condemn(budget, tally);
    });
    let scansMore = false;
    await this.failingClosed(async () => {
      scansMore = await this.lookForOrphans(budget, findOrphans, tally);
    });
    await this.compact(budget);
    if (failures.length > 0) throw failures[0];
    return { ...tally, ...(await this.outlook(scansMore)) };
  }

  /** Rows that are not understood stop everything until an operator has looked. */
  private async failingClosed(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const why = inconsistencyIn(error);
      if (why === undefined) throw error;
      await this.options.pauses.begin(
        'inconsistent',
        `no space is freed until an operator has looked: ${why}. Run "artifacta fsck --repair"; if that does not end ` +
          'the pause, "artifacta fsck --resume ID" with the id of this pause does',
      );
    }
  }

  private async isPaused(): Promise<boolean> {
    return (await this.options.pauses.stopping('collect')).length > 0;
  }

  private async sweep(budget: Budget, tally: Tally, failures: unknown[]): Promise<void> {
    const { index, blobs, onStep, graces } = this.options;
    // The times in the queue include the usual grace.
    // A name that was condemned later may be in use again after a restore of the index.
    const until = Math.min(index.now() + readGraceMs - graces.readMs, this.restorableUntil);
    let range = upTo(keys.blobs.condemned, until);
    while (!budget.isSpent && !(await this.isPaused())) {
      const { removed, bytes, looked, last, failure } = await sweepSome(
        { index, blobs, onStep },
        range,
        budget.left,
      );
      if (last === undefined) return;
      if (failure !== undefined) failures.push(failure);
      tally.removed += removed;
      tally.removedBytes += bytes;
      this.noteRemovals('condemned', removed, last);
      budget.spend('items', looked);
      range = { ...range, gte: after(last) };
    }
  }

  private async condemn(budget: Budget, tally: Tally): Promise<void> {
    const { index, graces, onStep } = this.options;
    let range = upTo(keys.blobs.maybeFree, index.now() - graces.dedupMs);
    while (!budget.isSpent && !(await this.isPaused())) {
      const { condemned, looked, last } = await condemnSome(index, range, budget.left);
      if (last === undefined) return;
      if (condemned > 0) await onStep?.('collect.condemned');
      tally.condemned += condemned;
      this.noteRemovals('maybeFree', looked, last);
      budget.spend('items', looked);
      range = { ...range, gte: after(last) };
    }
  }

  /** @returns true if more work is left. */
  private async lookForOrphans(budget: Budget, now: boolean, tally: Tally): Promise<boolean> {
    const paused = await this.options.pauses.stopping('orphans');
    // A caller that asks for a scan may learn that the orphans have become more.
    const isPaused = paused.some(({ cause }) => cause !== 'manyOrphans' || !now);
    if (isPaused) return false;
    if (!(await isHere(this.options.index, ''))) {
      this.orphans.drop();
      return false;
    }
    if (!(now || (await this.orphans.isDue()))) return false;
    const found = await unlessElsewhere(() => this.orphans.work(budget));
    tally.orphans += found?.condemned ?? 0;
    return found?.more ?? false;
  }

  /** The last time in the queue of names that no restored index could have in use. */
  private get restorableUntil(): number {
    return (this.options.restorableTime?.() ?? Number.POSITIVE_INFINITY) + readGraceMs;
  }

  /** Returns the time when a name may be swept. The shipping of the index may take any time; it is looked at again. */
  private sweepTime(inQueue: number): number {
    const { index, graces } = this.options;
    const time = inQueue - readGraceMs + graces.readMs;
    return inQueue <= this.restorableUntil ? time : Math.max(time, index.now() + shippingPollMs);
  }

  private noteRemovals(queue: keyof Collection['removals'], count: number, last: Key): void {
    const removals = this.removals[queue];
    removals.count += count;
    removals.last = last;
  }

  /** Until then, the rows that were removed from the front of a queue slow down every scan. */
  private async compact(budget: Budget): Promise<void> {
    for (const queue of ['maybeFree', 'condemned'] as const) {
      const { count, last } = this.removals[queue];
      if (count < removalsBetweenCompactions || last === undefined || budget.isSpent) continue;
      await this.options.index.compact({ gte: keys.blobs[queue].range().gte, lt: after(last) });
      this.removals[queue] = { count: 0, last: undefined };
    }
  }

  private async outlook(scansMore: boolean): Promise<Pick<Collected, 'more' | 'nextTime' | 'pauses'>> {
    const { index, graces, pauses } = this.options;
    const paused = await pauses.stopping('orphans');
    if (await this.isPaused()) return { more: false, nextTime: undefined, pauses: paused };
    const free = await firstTimeHere(index, keys.blobs.maybeFree);
    const condemned = await firstTimeHere(index, keys.blobs.condemned);
    const times = [
      ...(free === undefined ? [] : [free + graces.dedupMs]),
      ...(condemned === undefined ? [] : [this.sweepTime(condemned)]),
    ];
    const next = times.length === 0 ? undefined : Math.min(...times);
    const more = scansMore || (next !== undefined && next <= index.now());
    return { more, nextTime: more ? undefined : next, pauses: paused };
  }
}

/** Returns the range of a queue up to an instant. */
function upTo(family: typeof keys.blobs.maybeFree | typeof keys.blobs.condemned, time: number) {
  const { gte } = family.range();
  return { gte, lt: time < 0 ? gte : family.range(time + 1).gte };
}

function after(key: Key): Key {
  return Buffer.concat([key, Buffer.of(0)]);
}
