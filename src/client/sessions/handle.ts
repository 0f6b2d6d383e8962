import type { Artifact, ArtifactRef } from '../artifacts/artifact.ts';
import {
  type ArtifactChanges,
  type DeleteOptions,
  deleteArtifact,
  getArtifact,
  updateArtifact,
} from '../artifacts/artifacts.ts';
import type { PushContent } from '../artifacts/content.ts';
import { type Download, type DownloadOptions, download } from '../artifacts/download.ts';
import { type LineageEdge, type LineageQuery, lineage } from '../artifacts/lineage.ts';
import {
  createShareLink,
  Links,
  type NewShareLink,
  type ShareLink,
  type ShareOptions,
} from '../artifacts/links.ts';
import { push } from '../artifacts/push.ts';
import type { Pushed, PushOptions } from '../artifacts/push-spec.ts';
import {
  type ArtifactPage,
  type ArtifactQuery,
  listArtifacts,
  type PageQuery,
  queryArtifacts,
} from '../artifacts/query.ts';
import { type ArtifactPiece, type ReadOptions, readArtifact, readPieces } from '../artifacts/reading.ts';
import type { CallSettings, Calls } from '../wire/calls.ts';
import type { CompareOptions, Difference } from './comparison.ts';
import type { ManifestLine } from './manifest.ts';
import type { Outcome, Session } from './session.ts';
import { type SealOptions, type SessionChanges, Sessions } from './sessions.ts';
import type { SessionEvent, WaitOptions, WatchOptions } from './watch.ts';

/**
 * A session of one run. References to artifacts are names in the session; an id (`art_…`) or a record is one too.
 *
 * With `await using` the session is sealed at the end of the block: as succeeded if {@link succeed} was called, else
 * as failed. A session that is sealed already stays as it is.
 */
export class SessionHandle implements AsyncDisposable {
  readonly id: string;
  private readonly calls: Calls;
  private readonly sessions: Sessions;
  private known: Session;
  private outcome: Outcome = 'failed';

  /** @internal */
  constructor(calls: Calls, session: Session) {
    this.calls = calls;
    this.sessions = new Sessions(calls);
    this.known = session;
    this.id = session.id;
  }

  /** The session as the last call about it found it. */
  get record(): Session {
    return this.known;
  }

  /** Stores bytes under a name in the session. See `Store.push`. */
  push(content: PushContent, options: Omit<PushOptions, 'session'>): Promise<Pushed> {
    return push(this.calls, content, { ...options, session: this.id });
  }

  /** Reads the bytes of an artifact. See `Store.open`. */
  open(ref: ArtifactRef, options: DownloadOptions = {}): Promise<Download> {
    return download(this.calls, this.refTo(ref), options);
  }

  /** Reads a piece of limited size. See `Store.read`. */
  read(ref: ArtifactRef, options: ReadOptions = {}): Promise<ArtifactPiece> {
    return readArtifact(this.calls, this.refTo(ref), options);
  }

  /** Yields the same piece after piece, to the end of the window. */
  pieces(ref: ArtifactRef, options: ReadOptions = {}): AsyncGenerator<ArtifactPiece, void, void> {
    return readPieces(this.calls, this.refTo(ref), options);
  }

  /** Returns the record of an artifact. */
  get(ref: ArtifactRef, settings: CallSettings = {}): Promise<Artifact> {
    return getArtifact(this.calls, this.refTo(ref), settings);
  }

  /** Finds artifacts of the session, page by page. */
  query(query: Omit<ArtifactQuery, 'session'> = {}): AsyncGenerator<Artifact, void, void> {
    return listArtifacts(this.calls, { ...query, session: this.id });
  }

  /** Returns one page of its artifacts, and the other results of a query. */
  queryPage(query: Omit<PageQuery, 'session'> = {}): Promise<ArtifactPage> {
    return queryArtifacts(this.calls, { ...query, session: this.id });
  }

  /** Changes the labels, the own expiry or the hold of an artifact. */
  update(ref: ArtifactRef, changes: ArtifactChanges): Promise<Artifact> {
    return updateArtifact(this.calls, this.refTo(ref), changes);
  }

  /** Deletes one version of an artifact forever. False: nothing existed to delete. */
  delete(ref: ArtifactRef, options: DeleteOptions = {}): Promise<boolean> {
    return deleteArtifact(this.calls, this.refTo(ref), options);
  }

  /** Lists the inputs of an artifact, or the artifacts made from it. */
  lineage(ref: ArtifactRef, query: LineageQuery = {}): AsyncGenerator<LineageEdge, void, void> {
    return lineage(this.calls, this.refTo(ref), query);
  }

  /** Makes a link that opens an artifact without credentials. */
  share(ref: ArtifactRef, options: ShareOptions = {}): Promise<NewShareLink> {
    return createShareLink(this.calls, this.refTo(ref), options);
  }

  /** Lists the share links of its artifacts. */
  links(query: { readonly showEnded?: boolean } & CallSettings = {}): AsyncGenerator<ShareLink, void, void> {
    return new Links(this.calls).list({ ...query, session: this.id });
  }

  /** Yields its events until it is sealed. See `Sessions.watch`. */
  watch(options: WatchOptions = {}): AsyncGenerator<SessionEvent, void, void> {
    return this.sessions.watch(this.id, options);
  }

  /** Returns the session once it is sealed; code DEADLINE_EXCEEDED if that is not in time. */
  async wait(options: WaitOptions = {}): Promise<Session> {
    return this.know(await this.sessions.wait(this.id, options));
  }

  /** Lists the names that differ from those of another session, such as the last good run. */
  compare(baseSession: string, options: CompareOptions = {}): AsyncGenerator<Difference, void, void> {
    return this.sessions.compare(baseSession, this.id, options);
  }

  /** Yields the lines of what it contained when it was sealed. */
  manifest(settings: CallSettings = {}): AsyncGenerator<ManifestLine, void, void> {
    return this.sessions.manifest(this.id, settings);
  }

  /** Reads its record again. */
  async refresh(settings: CallSettings = {}): Promise<Session> {
    return this.know(await this.sessions.get(this.id, settings));
  }

  /** Changes its labels or its retention, or renews its lease (`touch: true`). */
  async change(changes: SessionChanges): Promise<Session> {
    return this.know(await this.sessions.update(this.id, changes));
  }

  /** The end of the block seals it as succeeded. */
  succeed(): void {
    this.outcome = 'succeeded';
  }

  /** Ends it: nothing is committed to it afterwards. Sealing again with the same outcome changes nothing. */
  async seal(outcome: Outcome = 'succeeded', options: SealOptions = {}): Promise<Session> {
    const { session } = await this.sessions.seal(this.id, outcome, options);
    return this.know(session);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.known.state === 'open') await this.seal(this.outcome);
  }

  private refTo(ref: ArtifactRef): ArtifactRef {
    if (typeof ref !== 'string' || isArtifactId(ref)) return ref;
    return { session: this.id, name: ref };
  }

  private know(session: Session): Session {
    this.known = session;
    return session;
  }
}

/** Whether a text is the id of an artifact. */
function isArtifactId(text: string): boolean {
  return /^art_[0-9a-z]{26}$/.test(text);
}
