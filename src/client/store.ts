import { createClient, type Transport } from '@connectrpc/connect';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
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
import { type FieldValues, type FieldValuesQuery, listFieldValues } from './artifacts/field-values.ts';
import { type GoneArtifact, type GoneQuery, listWithGone } from './artifacts/gone.ts';
import { type LineageEdge, type LineageQuery, lineage } from './artifacts/lineage.ts';
import { createShareLink, Links, type NewShareLink, type ShareOptions } from './artifacts/links.ts';
import { push } from './artifacts/push.ts';
import type { Pushed, PushOptions } from './artifacts/push-spec.ts';
import {
  type ArtifactPage,
  type ArtifactQuery,
  listArtifacts,
  type PageQuery,
  queryArtifacts,
} from './artifacts/query.ts';
import { type ArtifactPiece, type ReadOptions, readArtifact, readPieces } from './artifacts/reading.ts';
import type { Ticket, TicketOptions, TicketTarget } from './artifacts/tickets.ts';
import type { Caller } from './caller.ts';
import type { ServerInfo } from './server-info.ts';
import type { SessionHandle } from './sessions/handle.ts';
import type { Session } from './sessions/session.ts';
import { generatedSession } from './sessions/session-id.ts';
import { type OpenOptions, Sessions } from './sessions/sessions.ts';
import type { CallSettings, Calls } from './wire/calls.ts';
import { type Credentials, withCredentials } from './wire/headers.ts';
import type { Endpoint, Platform } from './wire/platform.ts';
import { type RetryPolicy, retryDefaults } from './wire/retry.ts';
import { withVersions } from './wire/versions.ts';

/** The longest time that gRPC's header holds in milliseconds. The service allows no unary call as much. */
const timeoutMsMax = 99_999_999;

/** Returns whole milliseconds: the header can give no others. */
function deadlineOf(timeoutMs = 30_000): number {
  return timeoutMs > 0 ? Math.min(Math.ceil(timeoutMs), timeoutMsMax) : 0;
}

/** The behaviour of a client in every runtime. */
export interface StoreOptions extends Credentials {
  /** Overrides parts of {@link retryDefaults}. */
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** The deadline of one try of a unary call, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** @internal */
export interface StoreParts {
  readonly calls: Calls;
  readonly transport: Transport;
  readonly close: () => Promise<void>;
}

/** Returns the parts of a client of a service. @internal */
export function storeParts(endpoint: Endpoint, options: StoreOptions, platform: Platform): StoreParts {
  const transport = withVersions(withCredentials(endpoint.transport, options), endpoint.place);
  const calls: Calls = {
    artifacts: createClient(ArtifactService, transport),
    sessions: createClient(SessionService, transport),
    platform,
    retry: { ...retryDefaults, ...options.retry },
    timeoutMs: deadlineOf(options.timeoutMs),
  };
  return { calls, transport, close: () => endpoint.close() };
}

/**
 * Stores and finds what agents produce. All methods throw ArtifactaError; a push also throws the errors of its source.
 * Calls that fail for a temporary reason are repeated, which is safe for all of them.
 */
export class Store implements AsyncDisposable {
  readonly sessions: Sessions;
  /** Share links, which open artifacts without credentials for a limited time. */
  readonly links: Links;
  /** @internal */
  protected readonly calls: Calls;
  private readonly way: Omit<StoreParts, 'calls'>;

  /** @internal */
  constructor({ calls, ...way }: StoreParts) {
    this.calls = calls;
    this.way = way;
    this.sessions = new Sessions(calls);
    this.links = new Links(calls);
  }

  /** Stores bytes under a name in a session. The answer means that they are durable. See {@link push}. */
  push(content: PushContent, options: PushOptions): Promise<Pushed> {
    return push(this.calls, content, options);
  }

  /** Opens an artifact for reading all of it, or a range; checked by its SHA-256. See {@link download}. */
  open(ref: ArtifactRef, options: DownloadOptions = {}): Promise<Download> {
    return download(this.calls, ref, options);
  }

  /** Reads a piece of limited size: bytes, lines, matches, a JSON value, rows of a table. */
  read(ref: ArtifactRef, options: ReadOptions = {}): Promise<ArtifactPiece> {
    return readArtifact(this.calls, ref, options);
  }

  /** Yields the same piece after piece, to the end of the window. */
  pieces(ref: ArtifactRef, options: ReadOptions = {}): AsyncGenerator<ArtifactPiece, void, void> {
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
  query(query: ArtifactQuery = {}): AsyncGenerator<Artifact, void, void> {
    return listArtifacts(this.calls, query);
  }

  /**
   * Returns one page of artifacts, and the other results of a query: how it was understood, how many artifacts match,
   * how they begin.
   */
  queryPage(query: PageQuery = {}): Promise<ArtifactPage> {
    return queryArtifacts(this.calls, query);
  }

  /** Lists the artifacts of a sealed session, and after them those in its manifest that are gone. */
  listWithGone(session: string, query: GoneQuery = {}): AsyncGenerator<Artifact | GoneArtifact, void, void> {
    return listWithGone(this.calls, session, query);
  }

  /**
   * Lists the values that a field has, e.g. those of `metadata.agent`; or the keys of `metadata`. For the completion of
   * filters.
   */
  fieldValues(field: string, query: FieldValuesQuery = {}): Promise<FieldValues> {
    return listFieldValues(this.calls, field, query);
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

  /** Makes a link that opens one version of an artifact without credentials. `links` lists and revokes links. */
  share(ref: ArtifactRef, options: ShareOptions = {}): Promise<NewShareLink> {
    return createShareLink(this.calls, ref, options);
  }

  /** Makes a URL that is good for one thing, for five minutes at most, without other credentials. */
  async ticket(target: TicketTarget, options: TicketOptions = {}): Promise<Ticket> {
    // Few programs make tickets.
    const { createTicket } = await import('./artifacts/tickets.ts');
    return await createTicket(this.calls, this.way.transport, target, options);
  }

  /**
   * Opens a session, and returns a handle on it: with `await using`, the session is sealed at the end of the block.
   *
   * @param id 1 to 128 letters, digits and `._:-`. Default: a new one, such as `run_20260131-235959_k3v9xq`.
   */
  async session(id?: string, options: OpenOptions = {}): Promise<SessionHandle> {
    // Most commands do without.
    const { SessionHandle } = await import('./sessions/handle.ts');
    return new SessionHandle(this.calls, await this.opened(id, options));
  }

  /**
   * Runs the work in a session, and seals the session by its outcome: as succeeded, as failed if the work throws, as
   * cancelled if it was given up.
   *
   * @throws the error of the work.
   */
  async run<T>(
    id: string | undefined,
    options: OpenOptions,
    work: (session: SessionHandle) => Promise<T> | T,
  ): Promise<T> {
    const { runIn } = await import('./sessions/run.ts');
    return await runIn(await this.session(id, options), work, options.signal);
  }

  /**
   * Returns the version of the service, what it can do, and its limits. A service that is older than this call fails
   * with UNIMPLEMENTED.
   */
  async serverInfo(settings: CallSettings = {}): Promise<ServerInfo> {
    const { getServerInfo } = await import('./server-info.ts');
    return await getServerInfo(this.way.transport, this.calls, settings);
  }

  /**
   * Returns who the caller is, as the service identifies it, and its rights. A service that is older than this call
   * fails with UNIMPLEMENTED.
   */
  async caller(settings: CallSettings = {}): Promise<Caller> {
    const { getCaller } = await import('./caller.ts');
    return await getCaller(this.way.transport, this.calls, settings);
  }

  /** Closes the connections that it opened. The owner of an injected transport closes it. */
  close(): Promise<void> {
    return this.way.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  protected async opened(id: string | undefined, options: OpenOptions): Promise<Session> {
    const { session } = await this.sessions.open(id ?? generatedSession(new Date(), Math.random), options);
    return session;
  }
}
