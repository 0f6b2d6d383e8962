/** The one list of services: every transport serves exactly these. */
import type { ConnectRouter } from '@connectrpc/connect';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { TicketService } from '../../gen/artifacta/v1/ticket_service_pb.ts';
import { limits } from '../domain/limits.ts';
import { ChildTokens } from '../identity/child-tokens.ts';
import { Tickets } from '../identity/tickets.ts';
import { UploadTokens } from '../identity/upload-tokens.ts';
import { type ExportPlace, Exports } from '../store/custody/exports.ts';
import type { StoreHost } from '../store/custody/host.ts';
import type { Store } from '../store/open.ts';
import type { OnStep } from '../store/rows/steps.ts';
import { adminHandlers, custodyHandlers } from './admin/admin-service.ts';
import { exportFormat } from './admin/export-format.ts';
import { Admission } from './admission.ts';
import { Archives } from './archives/archives.ts';
import { artifactHandlers } from './artifacts/artifact-service.ts';
import { type DirectUploadPolicy, directUploadHandlers } from './artifacts/direct-uploads.ts';
import type { RedirectPolicy } from './downloads/redirects.ts';
import { type GuardOptions, guard } from './guard.ts';
import { madeOf } from './handlers.ts';
import { infoHandlers, type ServedSettings } from './info/server-info.ts';
import { exportHandlers } from './maintenance/exporting.ts';
import { maintenanceHandlers } from './maintenance/maintenance-service.ts';
import type { Shipped } from './sessions/durability.ts';
import { sessionHandlers } from './sessions/session-service.ts';
import { ticketHandlers } from './tickets/ticket-service.ts';
import { afterRealTime } from './timer.ts';

/** Every method that is served, e.g. `artifacta.v1.ArtifactService/GetArtifact`. */
export const methodNames: readonly string[] = [
  ArtifactService,
  SessionService,
  AdminService,
  MaintenanceService,
  InfoService,
  TicketService,
].flatMap((service) => service.methods.map(({ name }) => `${service.typeName}/${name}`));

/** The parts that the services use. */
export interface RoutesOptions extends GuardOptions {
  /** Returns the store that is open. @throws Failure STORE_IN_RECOVERY, SHUTTING_DOWN if none is. */
  readonly store: () => Store;
  /** The host that AdminService administers. Default: none; its methods then fail with NOT_IMPLEMENTED. */
  readonly host?: StoreHost | undefined;
  /** The public URL of the HTTP listener, without a slash at its end. Default: the service does not know it. */
  readonly publicUrl?: string | undefined;
  /** See {@link WebAddresses.previewOrigin}. */
  readonly previewOrigin?: string | undefined;
  /** The URL of the HTTP listener on this machine, in the same form. Default: no HTTP listener exists. */
  readonly localUrl?: (() => string | undefined) | undefined;
  /** Whether the HTTP listener serves the web console. Default false. */
  readonly hasConsole?: boolean;
  /** The version of the software, for exports and for clients. Default: empty. */
  readonly version?: string;
  /** The settings that clients may know. Default: the usual ones. */
  readonly settings?: ServedSettings | undefined;
  /** The place that the service writes exports to. Default: none. */
  readonly exportPlace?: ExportPlace | undefined;
  /** The exports in that place. Default: nothing else than these services writes any there. */
  readonly exports?: Exports | undefined;
  /** What sessions can be asked to wait for when they are sealed. Default: nothing is shipped. */
  readonly shipping?: Shipped | undefined;
  /** Called at each step of an export. Default: not called. */
  readonly onStep?: OnStep | undefined;
  /** The clock, in milliseconds since the Unix epoch. Default: the store's clock. */
  readonly now?: (() => number) | undefined;
  /** The admission of uploads. Default: one with the usual limits. */
  readonly admission?: Admission | undefined;
  /** The redirects that downloads may get. Default: none. */
  readonly redirects?: RedirectPolicy | undefined;
  /** The uploads that clients may send straight to the bucket. Default: none. */
  readonly directUploads?: DirectUploadPolicy | undefined;
}

/** Registers every service with a router, each method behind the guard. */
export function routes(options: RoutesOptions): (router: Pick<ConnectRouter, 'service'>) => void {
  const { store, host, elapsed, after = afterRealTime, now = () => store().now() } = options;
  const admission = options.admission ?? new Admission({ after, elapsed });
  const { publicUrl, localUrl = () => undefined, redirects } = options;
  const { version = '', exportPlace: place, shipping } = options;
  const exports = options.exports ?? exportsOf(options);
  const addresses = { publicUrl, localUrl, previewOrigin: options.previewOrigin };
  const artifacts = madeOf(store, (open) => {
    const tokens = new UploadTokens(open.tokenKey, now);
    const direct = { direct: open.directUploads, tokens, admission, policy: options.directUploads, now };
    return {
      ...artifactHandlers(open, admission, addresses, redirects),
      ...directUploadHandlers(direct),
    };
  });
  const archives = new Archives({
    artifactsMax: limits.archiveArtifactsMax,
    artifactsAtOnceMax: limits.archivedArtifactsMax,
  });
  const sessions = madeOf(store, (open) => sessionHandlers(open, archives, shipping));
  const tickets = madeOf(store, (open) =>
    ticketHandlers(open, new Tickets(open.tokenKey, now), addresses, now),
  );
  const base = () => (options.hasConsole === true ? (publicUrl ?? localUrl()) : undefined);
  const consoleUrl = () => base()?.concat('/');
  const admin = madeOf(store, (open) =>
    adminHandlers(open, { tokens: new ChildTokens(open.tokenKey, now), now, consoleUrl }),
  );
  const maintenance = madeOf(store, maintenanceHandlers);
  // These methods work while no store is open.
  const custody = host === undefined ? {} : custodyHandlers(host, version, exports, place);
  const exporting = exportHandlers(exports);
  const facts = {
    version,
    methods: methodNames,
    hasShareUrls: publicUrl !== undefined,
    directUploadBytesMin: options.directUploads?.bytesMin,
    ...options.settings,
  };
  const info = infoHandlers(facts);
  return (router) => {
    router.service(ArtifactService, guard(ArtifactService, artifacts, options));
    router.service(SessionService, guard(SessionService, sessions, options));
    router.service(
      AdminService,
      guard(AdminService, (method) => (method in custody ? custody : admin()), options),
    );
    router.service(
      MaintenanceService,
      guard(MaintenanceService, (method) => (method in exporting ? exporting : maintenance()), options),
    );
    router.service(
      InfoService,
      guard(InfoService, () => info, options),
    );
    router.service(TicketService, guard(TicketService, tickets, options));
  };
}

function exportsOf({ host, exportPlace: place, version = '', onStep }: RoutesOptions): Exports | undefined {
  if (host === undefined || place === undefined) return undefined;
  const { exports: files, segments } = place;
  return new Exports({ host, files, segments, format: exportFormat(version), onStep });
}
