/**
 * Where each method is decided, if several processes serve one store: the one table. The compiler refuses it unless it
 * has all methods of the services.
 */
import type { DescMethod, DescService, MessageShape } from '@bufbuild/protobuf';
import type { ReplicasService } from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import type { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import type { TicketService } from '../../../gen/artifacta/v1/ticket_service_pb.ts';

/** What the table needs of the store: the owner of a thing that a request names by its id. */
export interface Named {
  /** Returns the namespace of an API key. @throws Failure API_KEY_NOT_FOUND. */
  namespaceOf(id: string): Promise<string>;
}

/**
 * Where a method is decided.
 *
 * - `nothing`: it decides nothing, and the process that was asked answers.
 * - `push`: the process that was asked stores the bytes, and the owner of the caller's namespace commits them.
 * - `everywhere`: the process that was asked does its share, about the namespaces that it owns.
 * - `custody`: it concerns the whole index, and is refused while several processes serve it.
 * - `caller`: by the owner of the caller's namespace.
 * - a function: by the owner of the namespace that it returns; the empty name is the store as a whole.
 */
type Decided<R = never> =
  | 'nothing'
  | 'push'
  | 'everywhere'
  | 'custody'
  | 'caller'
  | ((request: R, named: Named) => string | Promise<string>);

type Decisions<S extends DescService> = {
  readonly [M in keyof S['method']]: Decided<MessageShape<S['method'][M]['input']>>;
};

const theStore = () => '';

const artifactDecisions: Decisions<typeof ArtifactService> = {
  uploadArtifact: 'push',
  createArtifact: 'push',
  beginDirectUpload: 'caller',
  finishDirectUpload: 'push',
  downloadArtifact: 'nothing',
  readArtifact: 'nothing',
  getArtifact: 'nothing',
  batchGetArtifacts: 'nothing',
  listArtifacts: 'nothing',
  listFieldValues: 'nothing',
  listLineage: 'nothing',
  updateArtifact: 'caller',
  deleteArtifact: 'caller',
  createShareLink: 'caller',
  listShareLinks: 'nothing',
  revokeShareLinks: 'caller',
};

const sessionDecisions: Decisions<typeof SessionService> = {
  openSession: 'caller',
  getSession: 'nothing',
  listSessions: 'nothing',
  updateSession: 'caller',
  sealSession: 'caller',
  amendOutcome: 'caller',
  deleteSession: 'caller',
  watchSession: 'nothing',
  compareSessions: 'nothing',
  downloadManifest: 'nothing',
  downloadArchive: 'nothing',
};

const adminDecisions: Decisions<typeof AdminService> = {
  createNamespace: ({ namespace }) => namespace,
  getNamespace: 'nothing',
  listNamespaces: 'nothing',
  updateNamespace: ({ namespace }) => namespace,
  getUsage: 'nothing',
  // As its handler: the key of an operator may name none.
  createApiKey: ({ namespace }) => (namespace === '' ? 'default' : namespace),
  listApiKeys: 'nothing',
  revokeApiKey: ({ apiKeyId }, named) => named.namespaceOf(apiKeyId),
  // A token is signed, and nothing is written.
  mintToken: 'nothing',
  getRetentionPolicy: 'nothing',
  setRetentionPolicy: ({ namespace }) => namespace,
  applyRetentionPolicy: ({ namespace }) => namespace,
  getStoreStatus: 'nothing',
  resumeMaintenance: theStore,
  // A snapshot of the database has what any process has acknowledged.
  exportIndex: 'nothing',
  importIndex: 'custody',
  // Only its repairs are refused: see `isCustody`.
  verify: 'nothing',
  listQuarantined: 'nothing',
  acceptLoss: 'custody',
};

const maintenanceDecisions: Decisions<typeof MaintenanceService> = {
  reapExpired: 'everywhere',
  collectGarbage: 'everywhere',
  scrub: 'everywhere',
  // One process writes, so that the place has one writer, as without replicas.
  export: theStore,
};

const infoDecisions: Decisions<typeof InfoService> = { getServerInfo: 'nothing', getCaller: 'nothing' };

// A ticket is signed, and nothing is written.
const ticketDecisions: Decisions<typeof TicketService> = { createTicket: 'nothing' };

const replicaDecisions: Decisions<typeof ReplicasService> = { commitContent: 'caller' };

const tables: Readonly<Record<string, Readonly<Record<string, Decided>>>> = {
  ArtifactService: artifactDecisions,
  SessionService: sessionDecisions,
  AdminService: adminDecisions,
  MaintenanceService: maintenanceDecisions,
  InfoService: infoDecisions,
  TicketService: ticketDecisions,
  ReplicasService: replicaDecisions,
};

/** Returns where a method is decided. @throws RangeError for a method that is not in the table. */
export function decidedAt(method: DescMethod): Decided {
  const found = tables[method.parent.name]?.[method.localName];
  if (found === undefined)
    throw new RangeError(`it is not listed where ${method.parent.name}/${method.name} is decided`);
  return found;
}

/** Returns whether a call concerns the whole index. @param request undefined for a stream of requests. */
export function isCustody(method: DescMethod, request: unknown): boolean {
  if (decidedAt(method) === 'custody') return true;
  return method.localName === 'verify' && (request as { repairReportId?: string }).repairReportId !== '';
}
