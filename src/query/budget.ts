import { doorLimits } from '../index/door.ts';

/** The amount that one call may touch: entries of lists, point lookups and records together. */
export class Budget {
  readonly limit: number;
  entries = 0;
  probes = 0;
  records = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether a call should answer with what it has: the rest is not enough for another block and its consequences. */
  get isSpent(): boolean {
    return this.left <= Math.min(1.5 * doorLimits.scanBlockEntriesMax, this.limit / 8);
  }

  get left(): number {
    return this.limit - this.entries - this.probes - this.records;
  }
}
