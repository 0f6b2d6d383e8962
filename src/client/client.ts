import { createClient, type Transport } from '@connectrpc/connect';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { Access } from './admin/access.ts';
import { Admin } from './admin/admin.ts';
import { Maintenance } from './admin/maintenance.ts';
import { Policies } from './admin/policies.ts';
import type { Artifact, ArtifactRef } from './artifacts/artifact.ts';
import {
  type ArtifactChanges,
  type BatchResult,
  batchGetArtifacts,
  type DeleteOptions,
  deleteArtifact,
  getArtifact,
  updateArtifact,
} from './artifacts/artifacts.ts';
import type { PushContent } from './artifacts/content.ts';
import { type Download, type DownloadOptions, download } from './artifacts/download.ts';
import { type GoneArtifact, type GoneQuery, listWithGone } from './artifacts/gone.ts';
import { type LineageEdge, type LineageQuery, lineage } from './artifacts/lineage.ts';
import { Links } from './artifacts/links.ts';
import { push } from './artifacts/push.ts';
import type { Pushed, PushSettings, PushSpec } from './artifacts/push-spec.ts';
import {
  type ArtifactPage,
  type ArtifactQuery,
  listArtifacts,
  type PageQuery,
  queryArtifacts,
} from './artifacts/query.ts';
import { type ArtifactPiece, type ReadOptions, readArtifact, readPieces } from './artifacts/reading.ts';
import type { ServerInfo } from './server-info.ts';
import { Sessions } from './sessions/sessions.ts';
import type { CallSettings, Calls } from './wire/calls.ts';
import { type Endpoint, openEndpoint, type TlsOptions } from './wire/endpoint.ts';
import { type Credentials, withCredentials } from './wire/headers.ts';
import { type RetryPolicy, retryDefaults } from './wire/retry.ts';
import { withVersions } from './wire/versions.ts';

/** The longest time that gRPC's header can give in milliseconds. The service allows no unary call as much. */
const timeoutMsMax = 99_999_999;

/** Returns whole milliseconds: the header can give no others. */
function deadlineOf(timeoutMs = 30_000): number {
  return timeoutMs > 0 ? Math.min(Math.ceil(timeoutMs), timeoutMsMax) : 0;
}

/**
 * A `Transport` of Connect, of any version of its library. The type is spelled out, since Connect's own types need
 * those of browsers, which a program for Node may not have.
 */
export interface AnyTransport {
  unary(...call: never[]): Promise<unknown>;
  stream(...call: never[]): Promise<unknown>;
}

/** The behaviour of a client. */
export interface ClientOptions extends Credentials {
  /** Overrides parts of {@link retryDefaults}. */
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** The deadline of one try of a unary call, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** The certificates for `grpcs:` and `https:`. */
  readonly tls?: TlsOptions | undefined;
}

/**
 * Stores and finds what agents produce. All methods throw ArtifactaError. Calls that fail for a temporary reason are
 * repeated, which is safe for all of them.
 */
export class ArtifactaClient implements AsyncDisposable {
  readonly sessions: Sessions;
  /** Share links, which open artifacts without credentials for a limited time. */
  readonly links: Links;
  /** The store as a whole. For operators. */
  readonly admin: Admin;
  /** Namespaces, API keys, tokens. */
  readonly access: Access;
  /** The work that the sidecar asks for from time to time. */
  readonly maintenance: Maintenance;
  /** How long namespaces keep sessions, by outcome. For operators. */
  readonly policies: Policies;
  private readonly calls: Calls;
  private readonly endpoint: Endpoint;
  private readonly transport: Transport;

  /** @internal */
  constructor(endpoint: Endpoint, options: ClientOptions = {}) {
    const transport = withVersions(withCredentials(endpoint.transport, options), endpoint.place);
    this.endpoint = endpoint;
    this.transport = transport;
    this.calls = {
      artifacts: createClient(ArtifactService, transport),
      sessions: createClient(SessionService, transport),
      retry: { ...retryDefaults, ...options.retry },
      timeoutMs: deadlineOf(options.timeoutMs),
    };
    this.sessions = new Sessions(this.calls);
    this.links = new Links(this.calls);
    const admin = createClient(AdminService, transport);
    this.admin = new Admin(this.calls, admin);
    this.access = new Access(this.calls, admin);
    this.policies = new Policies(this.calls, admin);
    this.maintenance = new Maintenance(this.calls, createClient(MaintenanceService, transport));
  }

  /** Stores bytes under a name in a session. The answer means that they are durable. See {@link push}. */
  push(content: PushContent, spec: PushSpec, settings: PushSettings = {}): Promise<Pushed> {
    return push(this.calls, content, spec, settings);
  }

  /** Reads bytes; a string is an artifact id. See {@link download}. */
  download(ref: ArtifactRef, options: DownloadOptions = {}): Promise<Download> {
    return download(this.calls, ref, options);
  }

  /**
   * Reads a piece of limited size: bytes, lines, matches, a JSON value, rows of a table. A string is an artifact id.
   */
  readArtifact(ref: ArtifactRef, options: ReadOptions = {}): Promise<ArtifactPiece> {
    return readArtifact(this.calls, ref, options);
  }

  /** Yields the same piece after piece, to the end of the window. */
  readPieces(ref: ArtifactRef, options: ReadOptions = {}): AsyncGenerator<ArtifactPiece, void, void> {
    return readPieces(this.calls, ref, options);
  }

  /** Returns the record of an artifact. */
  get(ref: ArtifactRef, settings: CallSettings = {}): Promise<Artifact> {
    return getArtifact(this.calls, ref, settings);
  }

  /** Returns several at once. An artifact that cannot be returned is an error of its own in the result. */
  batchGet(refs: readonly ArtifactRef[], settings: CallSettings = {}): Promise<BatchResult[]> {
    return batchGetArtifacts(this.calls, refs, settings);
  }

  /** Finds artifacts, newest first by default, one page in memory at a time. */
  list(query: ArtifactQuery = {}): AsyncGenerator<Artifact, void, void> {
    return listArtifacts(this.calls, query);
  }

  /**
   * Returns one page of artifacts, and the other results of a query: how it was understood, how many artifacts match,
   * how they begin.
   */
  query(query: PageQuery = {}): Promise<ArtifactPage> {
    return queryArtifacts(this.calls, query);
  }

  /** Lists the artifacts of a sealed session, and after them those in its manifest that are gone. */
  listWithGone(session: string, query: GoneQuery = {}): AsyncGenerator<Artifact | GoneArtifact, void, void> {
    return listWithGone(this.calls, session, query);
  }

  /** Lists the inputs of an artifact, or the artifacts made from it, one page in memory at a time. */
  lineage(ref: ArtifactRef, query: LineageQuery = {}): AsyncGenerator<LineageEdge, void, void> {
    return lineage(this.calls, ref, query);
  }

  /** Changes the labels, the own expiry or the hold. */
  update(ref: ArtifactRef, changes: ArtifactChanges): Promise<Artifact> {
    return updateArtifact(this.calls, ref, changes);
  }

  /** Deletes one version forever. False: nothing existed to delete. */
  delete(ref: ArtifactRef, options: DeleteOptions = {}): Promise<boolean> {
    return deleteArtifact(this.calls, ref, options);
  }

  /**
   * Returns the version of the service, what it can do, and its limits. A service that is older than this call fails
   * with UNIMPLEMENTED.
   */
  async serverInfo(settings: CallSettings = {}): Promise<ServerInfo> {
    const { getServerInfo } = await import('./server-info.ts');
    return await getServerInfo(this.transport, this.calls, settings);
  }

  /** Closes the connections that it opened. The owner of an injected transport closes it. */
  close(): Promise<void> {
    return this.endpoint.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Returns a client for a service, or for a transport that another owner closes. Nothing is sent before the first call.
 *
 * @param target a URL in a form that {@link openEndpoint} takes, or a Connect transport.
 * @throws ArtifactaError INVALID_ARGUMENT for a malformed URL.
 */
export async function connect(
  target: string | AnyTransport,
  options: ClientOptions = {},
): Promise<ArtifactaClient> {
  if (typeof target === 'string') {
    const endpoint = await openEndpoint(target, options.tls);
    return new ArtifactaClient({ ...endpoint, place: target }, options);
  }
  return new ArtifactaClient({ transport: target as Transport, close: async () => {} }, options);
}
