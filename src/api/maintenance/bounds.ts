import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Bounds } from '../../store/upkeep/bounds.ts';
import type { Call } from '../handlers.ts';

/** A call ends this long before its deadline, so that its answer arrives. */
const answerMs = 1_000;

/** Returns the bounds that `max_items` and the deadline of a call allow. @throws Failure INVALID_ARGUMENT. */
export function boundsOf(maxItems: number, { remainingMs, signal }: Call): Bounds {
  if (maxItems < 0) throw invalid('max_items', 'must not be negative');
  return {
    itemsMax:
      maxItems === 0 ? limits.maintenanceItemsDefault : Math.min(maxItems, limits.maintenanceItemsMax),
    isOver: () => signal.aborted || remainingMs() < answerMs,
  };
}
