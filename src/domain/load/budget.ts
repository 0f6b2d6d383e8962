/** The work that one call may do. Queries, readings and maintenance all count it in the same way. */

/** A kind of work: entries of lists, point lookups, records, bytes of content, or things that maintenance frees. */
type WorkKind = 'entries' | 'probes' | 'records' | 'bytes' | 'items';

/** The limits of one call. */
export interface Allowance {
  /** The most work, of all kinds together. */
  readonly limit: number;
  /** The part of the limit that is kept for work that has begun. Default 0. */
  readonly reserve?: number;
  /** Returns true when the time of the call is over, or when the store closes. Default: never. */
  readonly isStopped?: () => boolean;
}

/**
 * The remainder of an {@link Allowance}. It is spent when no further piece of work may begin: then the call answers with
 * what it has. Work that has begun is finished, even if it costs more than the limit allows.
 */
export class Budget {
  readonly limit: number;
  /** Work that is left; below zero if the last piece has cost more. */
  left: number;
  private readonly reserve: number;
  private readonly isStopped: () => boolean;
  private readonly done: Record<WorkKind, number> = { entries: 0, probes: 0, records: 0, bytes: 0, items: 0 };

  constructor({ limit, reserve = 0, isStopped = () => false }: Allowance) {
    this.limit = limit;
    this.left = limit;
    this.reserve = reserve;
    this.isStopped = isStopped;
  }

  /** Charges work that was done, or that is about to be done. */
  spend(work: WorkKind, count: number): void {
    this.done[work] += count;
    this.left -= count;
  }

  /** Returns how much work of a kind was charged. */
  used(work: WorkKind): number {
    return this.done[work];
  }

  /** Whether no further piece of work may begin. */
  get isSpent(): boolean {
    return this.left <= this.reserve || this.isStopped();
  }
}
