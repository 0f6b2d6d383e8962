/** Listings and queries. Each call reads at one instant and touches a bounded number of rows. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import type { SessionUid } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { ArtifactName, SessionId } from '../../domain/names.ts';
import { type Principal, requireWholeSessions } from '../../domain/principal.ts';
import type { Session } from '../../domain/session.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { Budget } from '../../query/budget.ts';
import {
  artifactCatalog,
  leasedWord,
  mayHaveLapsed,
  type SessionUids,
  sessionCatalog,
  sessionIdsIn,
  statesIn,
} from '../../query/catalogs.ts';
import { type Condition, toFilter } from '../../query/condition.ts';
import { artifactFields, readFilter, sessionFieldsOfSessions } from '../../query/filter.ts';
import { type Explanation, type Query, run } from '../../query/run.ts';
import { inverted, keyAt } from '../../query/suffix.ts';
import type { Contents } from '../contents/contents.ts';
import { previewsOf } from '../contents/previews.ts';
import type { PageTokens } from '../look/page-token.ts';
import { issuePosition, openPosition, type Position } from '../look/query-position.ts';
import { readSession } from '../look/session.ts';
import type { SessionNow } from '../rows/session-life.ts';
import { manifestOf } from '../rows/session-rows.ts';
import type { ManifestLine } from '../sessions/manifest.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { ArtifactMatches } from './artifact-matches.ts';
import { goneArtifacts } from './gone.ts';
import { matchingSessions } from './session-matches.ts';
import { listVersions } from './versions.ts';

/** The page to return. */
export interface PageRequest {
  /** 1 to {@link limits.pageSizeMax}. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** The interpretation of a query, and its cost. */
export interface QueryExplanation extends Explanation {
  /** The filter with every parenthesis and every time written out; empty without a filter. */
  readonly filter: string;
  readonly entriesRead: number;
  readonly probes: number;
  readonly recordsRead: number;
  readonly budget: number;
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty at the end. A page may be short, even empty, and still have a token. */
  readonly nextPageToken: string;
}

/** A page of the results of a query. */
interface QueryPage<T> extends Page<T> {
  readonly explanation: QueryExplanation;
  /** The number of results in all: see {@link ArtifactQuery.estimatesTotal}. */
  readonly total?: number | undefined;
}

/** The sessions to list, and their order. */
export interface SessionQuery extends PageRequest {
  readonly oldestFirst: boolean;
  /** A filter in the filter language; empty for all. */
  readonly filter: string;
  /** A further value to which page tokens are bound. */
  readonly purpose?: unknown;
}

/** The artifacts to list, and their order. */
export interface ArtifactQuery extends SessionQuery {
  /** Only the artifacts of this session. Undefined: those of all sessions. */
  readonly session: SessionId | undefined;
  /**
   * All versions of the session, in the order of the commits, instead of the latest of each name. Requires `session`.
   */
  readonly allVersions: boolean;
  /** Only this name: its latest version, or with `allVersions` all of them. Requires `session`. */
  readonly name: ArtifactName | undefined;
  /** Return the gone artifacts of the manifest too, after the existing ones. Requires `session`, and no filter. */
  readonly showGone: boolean;
  /** Return with the first page the approximate number of matches in all. Default false. */
  readonly estimatesTotal?: boolean | undefined;
  /**
   * Return the first bytes of each artifact that is text, too: this many, at most {@link limits.previewBytesMax}.
   * Default 0.
   */
  readonly previewBytes?: number;
}

/** A page of artifacts, or of gone ones. */
interface ArtifactPage extends QueryPage<Artifact> {
  readonly gone: readonly ManifestLine[];
  /** The previews, by artifact id. */
  readonly previews: ReadonlyMap<string, string>;
}

/** Marks the tokens of the second part of a listing. The character does not exist in base64url. */
const gonePrefix = '~';

/** A union of more lists than this costs more at its start than it is likely to save. */
const drivingSessionsMax = 16;

const ascii = (text: string) => Buffer.from(text, 'latin1');

/** Listings of the caller’s namespace. */
export class Listing {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly contents: Contents;
  private readonly tokens: PageTokens;
  private readonly filling: { readonly isComplete: boolean };

  /** @param filling says whether every artifact is in the list of its content type. */
  constructor(
    index: Index,
    namespaces: Namespaces,
    contents: Contents,
    tokens: PageTokens,
    filling: { readonly isComplete: boolean },
  ) {
    this.index = index;
    this.namespaces = namespaces;
    this.contents = contents;
    this.tokens = tokens;
    this.filling = filling;
  }

  /** @throws Failure SESSION_NOT_FOUND, MANIFEST_NOT_FOUND, PAGE_TOKEN_INVALID, INVALID_ARGUMENT for the filter. */
  async artifacts(principal: Principal, query: ArtifactQuery): Promise<ArtifactPage> {
    await this.namespaces.require(principal.namespace);
    // Read before the instant of the snapshot: if all lists are complete now, they are complete there too.
    const listsTypes = this.filling.isComplete;
    await using reader = this.index.snapshot();
    const session =
      query.session === undefined ? undefined : await this.sessionOf(reader, principal, query.session);
    if (query.showGone) return await this.withGone(reader, principal, session!, query);
    const page = await this.artifactPage(reader, principal, session?.uid, { ...query, listsTypes });
    return { ...page, gone: [], previews: await this.previews(reader, principal, page, query) };
  }

  private async artifactPage(
    reader: Reader,
    by: Principal,
    within: SessionUid | undefined,
    query: ArtifactQuery & { readonly listsTypes: boolean },
  ): Promise<QueryPage<Artifact>> {
    const { namespace: ns } = by;
    const { name, allVersions, oldestFirst, filter, showGone } = query;
    const versions = allVersions || name !== undefined;
    const bound = [
      by.subject,
      ns,
      versions ? 'versions' : 'latest',
      within ?? null,
      name ?? null,
      allVersions,
      oldestFirst,
      showGone,
      filter,
    ];
    const position = this.position(bound, query);
    const condition = readFilter(filter, artifactFields, position.now);
    const narrowed = withinSessions(by, query.session, condition);
    const budget = new Budget(limits.queryTouchesMax);
    const matching = { by, condition: narrowed, now: this.index.now(), budget };
    const matches = new ArtifactMatches(reader, { ...matching, addedBytes: query.previewBytes ?? 0 });
    const page = { oldestFirst, itemsMax: query.pageSize, bytesMax: limits.pageBytesMax, budget };
    if (versions) {
      const which = { ns, uid: within!, name, allVersions, matches, after: position.after, ...page };
      const { items, last, driver } = await listVersions(reader, which);
      const tests = condition === undefined ? [] : [toFilter(condition)];
      // No sample of versions is taken: only a page that holds all of them shows their number.
      const total = last === undefined && position.after === undefined ? items.length : undefined;
      const result = { items, last, total: query.estimatesTotal ? total : undefined };
      return this.page(bound, position, { ...result, explanation: { driver, tests } }, condition, budget);
    }
    const uids = await this.uidsIn(reader, ns, narrowed, budget);
    const byState = await this.fewByState(reader, ns, narrowed, budget);
    const result = await run<Artifact>(reader, {
      ...page,
      estimates: query.estimatesTotal === true,
      condition: narrowed,
      catalog: artifactCatalog(ns, { uids, byState, listsTypes: query.listsTypes }),
      after: position.after,
      resolve: (suffixes) => matches.latest(recordKeys(keys.artifacts.record.range(ns).gte, suffixes)),
    });
    return this.page(bound, position, result, condition, budget);
  }

  /** Returns pages of artifacts, then pages of gone ones. The token says in which part to continue. */
  private async withGone(
    reader: Reader,
    by: Principal,
    session: SessionNow,
    query: ArtifactQuery,
  ): Promise<ArtifactPage> {
    requireWholeSessions(by);
    const { namespace: ns } = by;
    const { uid } = session;
    const manifest = manifestOf(session);
    const bound = [by.subject, ns, uid, query.oldestFirst, query.allVersions, 'gone'];
    const tokenOf = (offset: number) => `${gonePrefix}${this.tokens.issue(bound, ascii(String(offset)))}`;
    if (!query.pageToken.startsWith(gonePrefix)) {
      const page = await this.artifactPage(reader, by, uid, { ...query, listsTypes: true });
      const previews = await this.previews(reader, by, page, query);
      return { ...page, nextPageToken: page.nextPageToken || tokenOf(0), gone: [], previews };
    }
    const offset = Number(this.tokens.open(bound, query.pageToken.slice(gonePrefix.length)).toString());
    const now = this.index.now();
    const request = { ns, session, manifest, offset, pageSize: query.pageSize, now };
    const { lines, nextOffset } = await goneArtifacts(reader, this.contents, request);
    const explanation = explain(
      { driver: 'manifest', tests: [] },
      undefined,
      new Budget(limits.queryTouchesMax),
    );
    const nextPageToken = nextOffset === undefined ? '' : tokenOf(nextOffset);
    return { items: [], gone: lines, nextPageToken, explanation, previews: new Map() };
  }

  private async previews(
    reader: Reader,
    { namespace }: Principal,
    { items }: Page<Artifact>,
    { previewBytes = 0 }: ArtifactQuery,
  ): Promise<ReadonlyMap<string, string>> {
    if (previewBytes === 0) return new Map();
    return await previewsOf(reader, this.contents, namespace, items, previewBytes);
  }

  /**
   * Lists sessions, by the time when they were opened. @throws Failure PAGE_TOKEN_INVALID, INVALID_ARGUMENT for the
   * filter.
   */
  async sessions(by: Principal, query: SessionQuery): Promise<QueryPage<Session>> {
    const { namespace: ns } = by;
    await this.namespaces.require(ns);
    requireWholeSessions(by);
    await using reader = this.index.snapshot();
    const bound = [by.subject, ns, 'sessions', query.oldestFirst, query.filter, query.purpose ?? null];
    const position = this.position(bound, query);
    const condition = readFilter(query.filter, sessionFieldsOfSessions, position.now);
    const budget = new Budget(limits.queryTouchesMax);
    const narrowed = withinSessions(by, undefined, condition);
    const uids = await this.uidsIn(reader, ns, narrowed, budget);
    const states = narrowed === undefined ? [] : statesIn(narrowed);
    const hasLeases =
      states.length > 0 && (await this.withState(reader, ns, leasedWord, 1, budget)).length > 0;
    const prefix = keys.sessions.record.range(ns).gte;
    const now = this.index.now();
    const asked: Query<Session> = {
      condition: narrowed,
      catalog: sessionCatalog(ns, uids, hasLeases),
      oldestFirst: query.oldestFirst,
      after: position.after,
      itemsMax: query.pageSize,
      bytesMax: limits.pageBytesMax,
      budget,
      resolve: (suffixes) =>
        matchingSessions(reader, { by, condition, now, budget }, recordKeys(prefix, suffixes)),
    };
    return this.page(bound, position, await run(reader, asked), condition, budget);
  }

  private position(bound: readonly unknown[], { pageToken }: PageRequest): Position {
    return openPosition(this.tokens, bound, pageToken, this.index.now());
  }

  private page<T>(
    bound: readonly unknown[],
    { now }: Position,
    result: {
      readonly items: readonly T[];
      readonly last: Uint8Array | undefined;
      readonly explanation: Explanation;
      readonly total?: number | undefined;
    },
    condition: Condition | undefined,
    budget: Budget,
  ): QueryPage<T> {
    const { items, last } = result;
    const nextPageToken = last === undefined ? '' : issuePosition(this.tokens, bound, now, last);
    return {
      items,
      nextPageToken,
      total: result.total,
      explanation: explain(result.explanation, condition, budget),
    };
  }

  private sessionOf(reader: Reader, by: Principal, id: SessionId): Promise<SessionNow> {
    return readSession(reader, by, id, this.index.now());
  }

  /** If few sessions have a state or outcome of the filter, their artifacts can drive the query. */
  private async fewByState(
    reader: Reader,
    ns: string,
    condition: Condition | undefined,
    budget: Budget,
  ): Promise<ReadonlyMap<string, readonly SessionUid[]>> {
    const few = new Map<string, SessionUid[]>();
    for (const word of condition === undefined ? [] : statesIn(condition)) {
      const uids: SessionUid[] = [];
      for (const listed of mayHaveLapsed(word) ? [word, leasedWord] : [word])
        uids.push(...(await this.withState(reader, ns, listed, drivingSessionsMax + 1, budget)));
      if (uids.length <= drivingSessionsMax) few.set(word, uids);
    }
    return few;
  }

  /** Returns the first `limit` sessions that are listed under a state or outcome. */
  private async withState(
    reader: Reader,
    ns: string,
    word: string,
    limit: number,
    budget: Budget,
  ): Promise<SessionUid[]> {
    const uids: SessionUid[] = [];
    for await (const block of reader.scan({ ...keys.sessions.byState.range(ns, word), limit }))
      uids.push(...block.map(([key]) => keys.sessions.byState.parse(key)[2]));
    budget.entries += uids.length;
    return uids;
  }

  private async uidsIn(
    reader: Reader,
    ns: string,
    condition: Condition | undefined,
    budget: Budget,
  ): Promise<SessionUids> {
    const ids = condition === undefined ? [] : sessionIdsIn(condition);
    budget.probes += ids.length;
    const names = await reader.getMany(ids.map((id) => keys.sessions.name.key(ns, id)));
    return new Map(
      ids.flatMap((id, at) => (names[at] ? [[id, keys.sessions.name.decode(names[at]).uid] as const] : [])),
    );
  }
}

/** Returns the keys of the records for which entries of lists stand. */
function recordKeys(prefix: Uint8Array, suffixes: readonly Uint8Array[]): Uint8Array[] {
  return suffixes.map((suffix) => keyAt(prefix, inverted(suffix)));
}

/**
 * Adds the condition that the session must be this one, or one of those to which the caller is limited. Then only the
 * lists of these sessions are read.
 */
function withinSessions(
  { restriction }: Principal,
  session: string | undefined,
  condition: Condition | undefined,
): Condition | undefined {
  const allowed = session === undefined ? restriction?.sessions : [session];
  if (allowed === undefined) return condition;
  const of = [...allowed].map((text) => ({
    kind: 'test' as const,
    field: { name: 'session' as const },
    test: { is: 'equal' as const, text },
  }));
  const limited: Condition = of.length === 1 ? of[0]! : { kind: 'or', of };
  return condition === undefined ? limited : { kind: 'and', of: [condition, limited] };
}

function explain(
  explanation: Explanation,
  condition: Condition | undefined,
  budget: Budget,
): QueryExplanation {
  return {
    ...explanation,
    filter: condition === undefined ? '' : toFilter(condition),
    entriesRead: budget.entries,
    probes: budget.probes,
    recordsRead: budget.records,
    budget: budget.limit,
  };
}
