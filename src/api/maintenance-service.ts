import type { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { Exports } from '../store/exports.ts';
import type { Store } from '../store/open.ts';
import { exportHandlers } from './exporting.ts';
import type { Handlers } from './handlers.ts';
import { reapExpired } from './reaping.ts';

/** MaintenanceService over a store. What is missing here answers NOT_IMPLEMENTED. */
export function maintenanceHandlers(store: Store, exports?: Exports): Handlers<typeof MaintenanceService> {
  return {
    reapExpired: (request, call) => reapExpired(store, request, call),
    ...exportHandlers(exports),
  };
}
