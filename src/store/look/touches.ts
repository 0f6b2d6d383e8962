import { limits } from '../../domain/limits.ts';

/** The number of things that one call may still touch: index rows, probes that found nothing, and records. */
export class Touches {
  private left: number = limits.queryTouchesMax;

  spend(count: number): void {
    this.left -= count;
  }

  /**
   * True when the call should answer with its results so far. Work that has begun may go one block beyond the limit.
   */
  get areSpent(): boolean {
    return this.left <= 0;
  }
}
