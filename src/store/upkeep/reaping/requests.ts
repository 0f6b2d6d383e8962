/**
 * Removes the request ids that are not remembered any more: all rows of days that are over, without a look at each.
 * Those of namespaces that other processes own are passed over.
 */
import type { Budget } from '../../../domain/load/budget.ts';
import { keys } from '../../../index/keys.ts';
import type { Key, Range } from '../../../index/row.ts';
import { isHere, unlessElsewhere } from '../../rows/here.ts';
import { forgottenRequests, forgottenTime } from '../../rows/request-ids.ts';
import { transact } from '../../rows/transaction.ts';
import { inBackground, type Reaped, type ReaperOptions } from '../reaped.ts';

const byDay = keys.calls.requestIdByDay;

/** The most rows that one transaction removes. */
const removedTogether = 200;
const removedBetweenCompactions = 10_000;

/** Frees request ids. */
export class RequestReaper {
  private readonly options: ReaperOptions;
  private sinceCompaction = 0;

  constructor(options: ReaperOptions) {
    this.options = options;
  }

  /**
   * Frees as many as the budget allows.
   *
   * @returns the time when more can be freed, in milliseconds since the Unix epoch. Undefined: nothing is left, or the
   * budget is spent.
   */
  async reap(budget: Budget, done: Reaped): Promise<number | undefined> {
    const { index, olderRequestIds } = this.options;
    const forgotten = forgottenRequests(index.now());
    let removed = 0;
    for await (const { ns, rows } of this.groupsHere(forgotten)) {
      removed += (await unlessElsewhere(() => this.remove(ns, rows, budget, done))) ?? 0;
      if (budget.isSpent) break;
    }
    await this.compact(removed, forgotten);
    await olderRequestIds.look();
    if (budget.isSpent) return undefined;
    for await (const { first } of this.groupsHere({ gte: forgotten.lt, lt: byDay.range().lt }))
      return forgottenTime(first);
    return undefined;
  }

  /** Yields each day and namespace that this process owns and has rows in a range, with the range of these rows. */
  private async *groupsHere({ gte, lt }: Pick<Range, 'gte' | 'lt'>) {
    const { index } = this.options;
    for (let from = gte; ; ) {
      const first = await this.firstOf({ gte: from, lt });
      if (first === undefined) return;
      const [day, ns] = byDay.parse(first);
      const rows = byDay.range(day, ns);
      from = rows.lt;
      if (await isHere(index, ns)) yield { ns, first, rows };
    }
  }

  private async firstOf(range: Pick<Range, 'gte' | 'lt'>): Promise<Key | undefined> {
    for await (const block of this.options.index.scan({ ...range, limit: 1 })) return block[0]![0];
    return undefined;
  }

  /** Returns the number of removed rows. A row that is removed twice counts twice, and does no harm. */
  private async remove(ns: string, rows: Range, budget: Budget, done: Reaped): Promise<number> {
    const { index, pace, onStep } = this.options;
    let removed = 0;
    const blocks = index.scan({ ...rows, firstBlock: removedTogether, secondBlock: removedTogether });
    for await (const block of blocks)
      for (let at = 0; at < block.length && !budget.isSpent; at += removedTogether) {
        const slice = block.slice(at, at + removedTogether);
        await pace.of(() =>
          transact(index, {
            ns,
            ...inBackground,
            reads: [],
            *decide(tx) {
              for (const [key] of slice) tx.write({ type: 'del', key });
            },
          }),
        );
        removed += slice.length;
        done.others += slice.length;
        budget.spend('items', slice.length);
        await onStep?.('reap.others');
      }
    return removed;
  }

  /** What was removed slows down every later look at the family, until it is compacted. */
  private async compact(removed: number, forgotten: Pick<Range, 'gte' | 'lt'>): Promise<void> {
    this.sinceCompaction += removed;
    if (this.sinceCompaction < removedBetweenCompactions) return;
    this.sinceCompaction = 0;
    await this.options.index.compact(forgotten);
  }
}
