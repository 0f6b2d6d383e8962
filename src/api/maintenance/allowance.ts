import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Allowance } from '../../domain/load/budget.ts';
import type { Call } from '../handlers.ts';

/** A call ends this long before its deadline, so that its answer arrives. */
const answerMs = 1_000;

/** Returns the work that `max_items` and the deadline of a call allow. @throws Failure INVALID_ARGUMENT. */
export function allowanceOf(maxItems: number, { remainingMs, signal }: Call): Allowance {
  if (maxItems < 0) throw invalid('max_items', 'must not be negative');
  return {
    limit: maxItems === 0 ? limits.maintenanceItemsDefault : Math.min(maxItems, limits.maintenanceItemsMax),
    isStopped: () => signal.aborted || remainingMs() < answerMs,
  };
}
