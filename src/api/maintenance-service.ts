import type { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { invalid } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import type { Bounds } from '../store/bounds.ts';
import type { Exports } from '../store/exports.ts';
import type { Store } from '../store/open.ts';
import { exportHandlers } from './exporting.ts';
import type { Call, Handlers } from './handlers.ts';

/** MaintenanceService over a store. What is missing here answers NOT_IMPLEMENTED. */
export function maintenanceHandlers(_store: Store, exports?: Exports): Handlers<typeof MaintenanceService> {
  return { ...exportHandlers(exports) };
}

/** A call ends this long before its deadline, so that its answer arrives. */
const answerMs = 1_000;

/** What `max_items` and the deadline of a call allow. @throws Failure INVALID_ARGUMENT. */
export function boundsOf(maxItems: number, { remainingMs }: Call): Bounds {
  if (maxItems < 0) throw invalid('max_items', 'must not be negative');
  return {
    itemsMax:
      maxItems === 0 ? limits.maintenanceItemsDefault : Math.min(maxItems, limits.maintenanceItemsMax),
    isOver: () => remainingMs() < answerMs,
  };
}
