import type { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { invalid } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import type { Bounds } from '../store/bounds.ts';
import type { Store } from '../store/open.ts';
import { collectGarbage, scrub } from './collecting.ts';
import type { Call, Handlers } from './handlers.ts';

/** MaintenanceService over a store. What is missing here answers NOT_IMPLEMENTED. */
export function maintenanceHandlers(store: Store): Handlers<typeof MaintenanceService> {
  return {
    collectGarbage: (request, call) => collectGarbage(store, request, boundsOf(request.maxItems, call)),
    scrub: (request, call) => scrub(store, request, boundsOf(request.maxItems, call)),
  };
}

/** A call ends this long before its deadline, so that its answer arrives. */
const answerMs = 1_000;

/** What `max_items` and the deadline of a call allow. @throws Failure INVALID_ARGUMENT. */
export function boundsOf(maxItems: number, { remainingMs, signal }: Call): Bounds {
  if (maxItems < 0) throw invalid('max_items', 'must not be negative');
  return {
    itemsMax:
      maxItems === 0 ? limits.maintenanceItemsDefault : Math.min(maxItems, limits.maintenanceItemsMax),
    isOver: () => signal.aborted || remainingMs() < answerMs,
  };
}
