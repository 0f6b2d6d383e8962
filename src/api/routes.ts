/** The one list of services: every door serves exactly these. */
import type { ConnectRouter } from '@connectrpc/connect';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { ChildTokens } from '../identity/child-tokens.ts';
import { type ExportFiles, Exports } from '../store/custody/exports.ts';
import type { StoreHost } from '../store/custody/host.ts';
import type { Store } from '../store/open.ts';
import type { OnStep } from '../store/rows/steps.ts';
import { adminHandlers } from './admin/admin-service.ts';
import { exportFormat } from './admin/export-format.ts';
import { policyHandlers } from './admin/policies.ts';
import { quarantineHandlers } from './admin/quarantined.ts';
import { tenantHandlers } from './admin/tenants.ts';
import { Admission } from './admission.ts';
import { artifactHandlers } from './artifacts/artifact-service.ts';
import { shareHandlers } from './artifacts/share-links.ts';
import { type GuardOptions, guard } from './guard.ts';
import { maintenanceHandlers } from './maintenance/maintenance-service.ts';
import { sessionHandlers } from './sessions/session-service.ts';
import { afterRealTime } from './timer.ts';

/** Every method that is served, e.g. `artifacta.v1.ArtifactService/GetArtifact`. */
export const methodNames: readonly string[] = [
  ArtifactService,
  SessionService,
  AdminService,
  MaintenanceService,
].flatMap((service) => service.methods.map(({ name }) => `${service.typeName}/${name}`));

/** What the services stand on. */
interface RoutesOptions extends GuardOptions {
  readonly store: Store;
  /** What AdminService looks after. Default: nothing; its methods then answer NOT_IMPLEMENTED. */
  readonly host?: StoreHost | undefined;
  /** Of the HTTP door, without a slash at its end. Default: the service does not know it. */
  readonly publicUrl?: string | undefined;
  /** Where the HTTP door listens, likewise. Default: there is none. */
  readonly localUrl?: (() => string | undefined) | undefined;
  /** Of the software, for exports. Default: empty. */
  readonly version?: string;
  /** Where the service writes exports to. Default: nowhere. */
  readonly exportFiles?: ExportFiles | undefined;
  /** Told of each step of an export. Default: nobody is. */
  readonly onStep?: OnStep | undefined;
  /** Milliseconds since the Unix epoch. Default: the store's. */
  readonly now?: (() => number) | undefined;
  /** Default: one with the usual limits. */
  readonly admission?: Admission | undefined;
}

/** Registers every service with a router, each method behind the guard. */
export function routes(options: RoutesOptions): (router: Pick<ConnectRouter, 'service'>) => void {
  const { publicUrl, localUrl = () => undefined } = options;
  const { store, host, elapsed, after = afterRealTime, now = () => store.now() } = options;
  const admission = options.admission ?? new Admission({ after, elapsed });
  const { version = '', exportFiles: files, onStep } = options;
  const exports =
    host === undefined || files === undefined
      ? undefined
      : new Exports({ host, files, format: exportFormat(version), onStep });
  const admin = {
    ...(host === undefined ? {} : adminHandlers(host, version, exports)),
    ...policyHandlers(store),
    ...tenantHandlers(store, () => new ChildTokens(store.tokenKey, now), now),
    ...quarantineHandlers(store),
  };
  const artifacts = {
    ...artifactHandlers(store, admission),
    ...shareHandlers(store, { publicUrl, localUrl }),
  };
  return (router) => {
    router.service(ArtifactService, guard(ArtifactService, artifacts, options));
    router.service(SessionService, guard(SessionService, sessionHandlers(store), options));
    router.service(AdminService, guard(AdminService, admin, options));
    router.service(
      MaintenanceService,
      guard(MaintenanceService, maintenanceHandlers(store, exports), options),
    );
  };
}
