/**
 * Frees what has expired or was deleted. The view of a reader never depends on it. The queue says what is due, each
 * record decides whether it is, and each transaction is small. Any number of these may run at once, or none. Of several
 * processes, each does what is due in the namespaces that it owns.
 */

import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import { type Allowance, Budget } from '../../domain/load/budget.ts';
import { backgroundQueue } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Range } from '../../index/row.ts';
import { ifHere, namesHere } from '../rows/here.ts';
import { type Operation, transact } from '../rows/transaction.ts';
import { firstTimeHere } from './due.ts';
import type { Pause } from './pauses.ts';
import { addRemoved, inBackground, type Reaped, type ReaperOptions } from './reaped.ts';
import { RequestReaper } from './reaping/requests.ts';
import {
  artifactBytes,
  artifactKeys,
  artifactsTogether,
  keyOfOther,
  type Queued,
  removeArtifacts,
  removeOthers,
} from './reaping/rows.ts';
import { SessionReaper } from './reaping/sessions.ts';

/** The things that one call has freed, and the time of the next call. */
export interface ReapResult extends Reaped {
  /** True: more work is due now. */
  readonly more: boolean;
  /**
   * The time when the next thing is due, in milliseconds since the Unix epoch. Undefined: nothing will be due, or more
   * work is due now.
   */
  readonly nextTime: number | undefined;
  /** The pauses for which it waits; if any exist, nothing was done. */
  readonly pauses: readonly Pause[];
}

/** The transactions in progress at a time: they share a batch, and rest together. */
const transactionsAtOnce = 4;
const othersTogether = 100;
const freedBetweenCompactions = 50_000;
/** The rows of the queue that are read together. */
const queuedTogether = 256;

/** Processes the queue of due things. */
export class Reaper {
  private readonly options: ReaperOptions;
  private readonly sessions: SessionReaper;
  private readonly requests: RequestReaper;
  /** The number of things freed since the processed part of the queue was compacted. */
  private sinceCompaction = 0;

  constructor(options: ReaperOptions) {
    this.options = options;
    this.sessions = new SessionReaper(options);
    this.requests = new RequestReaper(options);
  }

  /** Frees the due things, the longest due first, as many as the call is allowed. */
  async reap(allowance: Allowance): Promise<ReapResult> {
    const { pauses } = this.options;
    const done: Reaped = { artifacts: 0, bytes: 0, sessions: 0, lapsed: 0, others: 0 };
    const paused = await pauses.stopping('reap');
    if (paused.length > 0) return { ...done, more: false, nextTime: undefined, pauses: paused };
    await this.options.finishSeals();
    const budget = new Budget(allowance);
    const now = this.options.index.now();
    try {
      await this.workOff(now, budget, done);
    } finally {
      await this.compact(budget.used('items'));
    }
    const nextOfRequests = budget.isSpent ? undefined : await this.requests.reap(budget, done);
    if (budget.isSpent) return { ...done, more: true, nextTime: undefined, pauses: [] };
    const times = [nextOfRequests, await this.nextQueued(now)].filter((time) => time !== undefined);
    const nextTime = times.length === 0 ? undefined : Math.min(...times);
    return { ...done, more: false, nextTime, pauses: [] };
  }

  private async workOff(now: number, budget: Budget, done: Reaped): Promise<void> {
    const { index } = this.options;
    const range: Range = { ...dueAt(now), firstBlock: queuedTogether, secondBlock: queuedTogether };
    for await (const block of index.scan(range)) {
      for (let at = 0; at < block.length; at += queuedTogether) {
        if (budget.isSpent) return;
        const queued = block.slice(at, at + queuedTogether).map(([key]) => keys.calls.expiry.parse(key));
        const here = await namesHere(
          index,
          queued.map(([, ns]) => ns),
        );
        await this.work(
          queued.filter(([, ns]) => here.has(ns)),
          budget,
          done,
        );
      }
    }
  }

  /** Returns the time when the first thing that was not due at `now` is due. */
  private nextQueued(now: number): Promise<number | undefined> {
    return firstTimeHere(this.options.index, keys.calls.expiry, dueAt(now).lt);
  }

  private async work(queued: readonly Queued[], budget: Budget, done: Reaped): Promise<void> {
    const { index } = this.options;
    // Sessions to seal come first: the artifacts of a session that has lapsed stay until its manifest lists them.
    const ofSessions = queued.filter(([, , kind]) => kind === 'session');
    await inParallel(ofSessions, async ([time, ns, , uid]) => {
      if (budget.isSpent) return;
      await ifHere(index, ns, () => this.sessions.reap(ns, uid as SessionUid, time, budget, done));
    });
    const ofArtifacts = queued.filter(([, , kind]) => kind === 'artifact');
    await inParallel(batches(ofArtifacts, artifactsTogether), async (batch) => {
      if (!budget.isSpent) await ifHere(index, batch[0]![1], () => this.artifacts(batch, budget, done));
    });
    const known = queued.filter((one) => keyOfOther(one) !== undefined);
    await inParallel(batches(known, othersTogether), async (batch) => {
      if (!budget.isSpent) await ifHere(index, batch[0]![1], () => this.others(batch, budget, done));
    });
  }

  private async artifacts(batch: readonly Queued[], budget: Budget, done: Reaped): Promise<void> {
    const ns = batch[0]![1];
    let ids = batch.map(([, , , id]) => id as ArtifactId);
    while (ids.length > 0) {
      const removed = await this.paced({
        ns,
        queue: backgroundQueue,
        bytesHint: artifactBytes * ids.length,
        reads: artifactKeys(ns, ids),
        decide: (tx) => removeArtifacts(tx, ids),
      });
      await this.options.onStep?.('reap.artifacts');
      addRemoved(done, removed, budget);
      ids = ids.slice(removed.seen);
    }
  }

  private async others(batch: readonly Queued[], budget: Budget, done: Reaped): Promise<void> {
    const removed = await this.paced({
      ns: batch[0]![1],
      ...inBackground,
      reads: batch.map((one) => keyOfOther(one)!),
      decide: (tx) => removeOthers(tx, batch),
    });
    done.others += removed;
    budget.spend('items', removed);
    await this.options.onStep?.('reap.others');
  }

  /** Removed rows slow down every later look at the queue, until their range is compacted. */
  private async compact(freed: number): Promise<void> {
    this.sinceCompaction += freed;
    if (this.sinceCompaction < freedBetweenCompactions) return;
    this.sinceCompaction = 0;
    const { index } = this.options;
    await index.compact(dueAt(index.now()));
  }

  private paced<T>(operation: Operation<T>): Promise<T> {
    const { index, pace } = this.options;
    return pace.of(() => transact(index, operation));
  }
}

/** Returns the range of the rows of the queue that are due. */
function dueAt(now: number): Pick<Range, 'gte' | 'lt'> {
  return { gte: keys.calls.expiry.range().gte, lt: keys.calls.expiry.range(now + 1).gte };
}

/** Returns the rows in batches of one namespace each. */
function batches(queued: readonly Queued[], size: number): Queued[][] {
  const all: Queued[][] = [];
  const open = new Map<string, Queued[]>();
  for (const one of queued) {
    const batch = open.get(one[1]);
    if (batch !== undefined && batch.length < size) batch.push(one);
    else {
      const fresh = [one];
      open.set(one[1], fresh);
      all.push(fresh);
    }
  }
  return all;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(transactionsAtOnce, items.length) }, worker));
}
