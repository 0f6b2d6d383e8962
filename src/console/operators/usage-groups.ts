/** The parts of a breakdown, put together: the part of one value may come on several pages. */
import type { UsagePart } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { millis } from '../base/format.ts';

/** What expires before a time. */
interface Period {
  /** Milliseconds since the Unix epoch. Undefined: never. */
  readonly before: number | undefined;
  readonly artifacts: number;
  readonly bytes: number;
}

/** The artifacts of one value. */
export interface Group {
  readonly value: string;
  readonly artifacts: number;
  readonly bytes: number;
  readonly byExpiry: readonly Period[];
}

/** Periods of pages that were read at other times are the same if their ends are this near, in milliseconds. */
const nearMs = 3_600_000;

/** Returns one group for each value, the largest first. */
export function groupsOf(parts: readonly UsagePart[]): Group[] {
  const groups = [...Map.groupBy(parts, ({ value }) => value)].map(([value, of]) => ({
    value,
    artifacts: of.reduce((sum, part) => sum + Number(part.artifactCount), 0),
    bytes: of.reduce((sum, part) => sum + Number(part.sizeBytes), 0),
    byExpiry: periodsOf(of),
  }));
  return groups.sort((a, b) => b.bytes - a.bytes || (a.value < b.value ? -1 : 1));
}

function periodsOf(parts: readonly UsagePart[]): Period[] {
  const all = parts
    .flatMap(({ byExpiry }) => byExpiry)
    .map(({ expireBefore, artifactCount, sizeBytes }) => ({
      before: millis(expireBefore),
      artifacts: Number(artifactCount),
      bytes: Number(sizeBytes),
    }))
    .sort((a, b) => (a.before ?? Number.POSITIVE_INFINITY) - (b.before ?? Number.POSITIVE_INFINITY));
  const periods: Period[] = [];
  for (const next of all) {
    const last = periods.at(-1);
    const isSame =
      last !== undefined &&
      (last.before === next.before ||
        (last.before !== undefined && next.before !== undefined && next.before - last.before < nearMs));
    if (!isSame) periods.push(next);
    else
      periods[periods.length - 1] = {
        before: last.before,
        artifacts: last.artifacts + next.artifacts,
        bytes: last.bytes + next.bytes,
      };
  }
  return periods;
}
