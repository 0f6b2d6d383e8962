import type { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { Quarantined } from '../../store/queries/quarantined.ts';
import type { Collection } from '../../store/upkeep/collection.ts';
import type { Reaper } from '../../store/upkeep/reaper.ts';
import type { Scrub } from '../../store/upkeep/scrub.ts';
import type { Handlers } from '../handlers.ts';
import { allowanceOf } from './allowance.ts';
import { collectGarbage, scrub } from './collecting.ts';
import { reapExpired } from './reaping.ts';

/** The parts of a store that MaintenanceService uses. */
interface MaintenanceParts {
  readonly reaper: Reaper;
  readonly collection: Collection;
  readonly scrub: Scrub;
  readonly quarantined: Quarantined;
}

/** Returns the methods of MaintenanceService over the parts of a store; `export` is in `exporting.ts`. */
export function maintenanceHandlers(parts: MaintenanceParts): Handlers<typeof MaintenanceService> {
  return {
    reapExpired: (request, call) => reapExpired(parts.reaper, request, call),
    collectGarbage: (request, call) =>
      collectGarbage(parts.collection, request, allowanceOf(request.maxItems, call)),
    scrub: (request, call) => scrub(parts, request, allowanceOf(request.maxItems, call)),
  };
}
