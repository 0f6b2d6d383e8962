import type { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { Exports } from '../../store/custody/exports.ts';
import type { Store } from '../../store/open.ts';
import type { Handlers } from '../handlers.ts';
import { allowanceOf } from './allowance.ts';
import { collectGarbage, scrub } from './collecting.ts';
import { exportHandlers } from './exporting.ts';
import { reapExpired } from './reaping.ts';

/** Returns the methods of MaintenanceService over a store. @param exports undefined: no exports are written. */
export function maintenanceHandlers(store: Store, exports?: Exports): Handlers<typeof MaintenanceService> {
  return {
    reapExpired: (request, call) => reapExpired(store, request, call),
    collectGarbage: (request, call) => collectGarbage(store, request, allowanceOf(request.maxItems, call)),
    scrub: (request, call) => scrub(store, request, allowanceOf(request.maxItems, call)),
    ...exportHandlers(exports),
  };
}
