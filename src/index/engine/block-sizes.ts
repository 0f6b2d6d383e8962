/** The sizes of the blocks in which a range is read. */
import { doorLimits } from '../door.ts';
import type { Range } from '../row.ts';

/** Yields the most entries of each block of a range, when it is asked for. */
export function* blockSizes({ firstBlock, secondBlock, nextBlock }: Range): Generator<number, never> {
  const largest = doorLimits.scanBlockEntriesMax;
  yield Math.min(firstBlock ?? largest, largest);
  let next = secondBlock ?? 4 * (firstBlock ?? largest);
  for (; ; next *= 2) yield Math.min(nextBlock?.() ?? next, largest);
}
