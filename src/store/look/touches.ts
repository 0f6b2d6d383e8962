import { limits } from '../../domain/limits.ts';

/** What one call may still touch: index rows, probes that found nothing, and records. */
export class Touches {
  private left: number = limits.queryTouchesMax;

  spend(count: number): void {
    this.left -= count;
  }

  /** True when the call should answer with what it has. What was begun may go a block beyond. */
  get areSpent(): boolean {
    return this.left <= 0;
  }
}
