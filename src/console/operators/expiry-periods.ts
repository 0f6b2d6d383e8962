/** When artifacts expire, in the periods that the service counts by. */
import type { Group } from './usage-groups.ts';

/** The periods, in their order. The last two have no end that matters, and no end at all. */
export const periods = ['over', 'within a day', 'within 7 days', 'within 30 days', 'later', 'never'] as const;

/** What expires in one period. */
export interface InPeriod {
  readonly artifacts: number;
  readonly bytes: number;
}

const [hourMs, dayMs] = [3_600_000, 86_400_000];

/**
 * Returns the number of the period that ends at a time: now, or a day, 7 or 30 days from now by the clock of the
 * service. The clock of the page may differ by up to 12 hours. @param before Undefined: never.
 */
export function periodAt(before: number | undefined, now: number): number {
  if (before === undefined) return 5;
  const ends = [12 * hourMs, 4 * dayMs, 18 * dayMs, 3_650 * dayMs];
  const found = ends.findIndex((end) => before - now < end);
  return found < 0 ? 4 : found;
}

/** Returns what of a group expires in each of the periods. */
export function inPeriods({ byExpiry }: Pick<Group, 'byExpiry'>, now: number): InPeriod[] {
  const found = periods.map(() => ({ artifacts: 0, bytes: 0 }));
  for (const { before, artifacts, bytes } of byExpiry) {
    const period = found[periodAt(before, now)]!;
    period.artifacts += artifacts;
    period.bytes += bytes;
  }
  return found;
}

/** Returns the sums over groups. */
export function sumOfPeriods(all: readonly (readonly InPeriod[])[]): InPeriod[] {
  return periods.map((_, at) => ({
    artifacts: all.reduce((sum, each) => sum + each[at]!.artifacts, 0),
    bytes: all.reduce((sum, each) => sum + each[at]!.bytes, 0),
  }));
}

/** A part of a bar. */
interface Segment {
  /** The number of its period. */
  readonly period: number;
  readonly from: number;
  readonly length: number;
}

/** Returns the parts of a bar, one after another. @param most the bytes of a bar of the whole `length`. */
export function segmentsOf(each: readonly InPeriod[], most: number, length: number): Segment[] {
  // A part that exists is seen: each has a unit of its own.
  const rest = length - each.filter(({ bytes }) => bytes > 0).length;
  let from = 0;
  return each.flatMap(({ bytes }, period) => {
    if (bytes === 0) return [];
    const segment = { period, from, length: 1 + (bytes / Math.max(1, most)) * rest };
    from += segment.length;
    return [segment];
  });
}
