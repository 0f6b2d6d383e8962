/** Listings and queries. Each call reads at one instant and touches a bounded number of rows. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import type { SessionUid } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { ArtifactName, SessionId } from '../../domain/names.ts';
import { type Principal, requireWholeSessions } from '../../domain/principal.ts';
import type { Session } from '../../domain/session.ts';
import { doorLimits, type Index, type Snapshot } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { artifactCatalog, sessionCatalog } from '../../query/catalogs.ts';
import { type Condition, toFilter } from '../../query/condition.ts';
import { artifactFields, readFilter, sessionFieldsOfSessions } from '../../query/filter.ts';
import { type Explanation, Search } from '../../query/search.ts';
import { recordKeyAt } from '../../query/suffix.ts';
import type { Contents } from '../contents/contents.ts';
import { previewsOf } from '../contents/previews.ts';
import { type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging, Position } from '../look/paging.ts';
import { readSession } from '../look/session.ts';
import type { SessionNow } from '../rows/session-life.ts';
import { manifestOf } from '../rows/session-rows.ts';
import type { ManifestLine } from '../sessions/manifest.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { ArtifactMatches } from './artifact-matches.ts';
import { DrivingSessions } from './driving-sessions.ts';
import { goneArtifacts } from './gone.ts';
import { matchingSessions } from './session-matches.ts';
import { listVersions } from './versions.ts';

/** The interpretation of a query, and its cost. */
export interface QueryExplanation extends Explanation {
  /** The filter with every parenthesis and every time written out; empty without a filter. */
  readonly filter: string;
  readonly entriesRead: number;
  readonly probes: number;
  readonly recordsRead: number;
  readonly budget: number;
}

/** A page of the results of a query. */
interface QueryPage<T> extends Page<T> {
  /** The instant as of which the page was read, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** Puts into words how the page was found. */
  readonly explain: () => QueryExplanation;
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

/** A plan, and the consequences of the last block of entries, may cost this much. */
const queryReserve = 1.5 * doorLimits.scanBlockEntriesMax;

const ascii = (text: string) => Buffer.from(text, 'latin1');

/** Listings of the caller’s namespace. */
export class Listing {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly contents: Contents;
  private readonly paging: Paging;
  private readonly filling: { readonly isComplete: boolean };

  /** @param filling says whether every artifact is in the list of its content type. */
  constructor(
    index: Index,
    namespaces: Namespaces,
    contents: Contents,
    paging: Paging,
    filling: { readonly isComplete: boolean },
  ) {
    this.index = index;
    this.namespaces = namespaces;
    this.contents = contents;
    this.paging = paging;
    this.filling = filling;
  }

  /** @throws Failure SESSION_NOT_FOUND unless the artifacts of the session can be listed. */
  async requireSession(principal: Principal, id: SessionId): Promise<void> {
    await this.namespaces.require(principal.namespace);
    await using reader = this.index.snapshot();
    await readSession(reader, principal, id, this.index.now());
  }

  /** @throws Failure SESSION_NOT_FOUND, MANIFEST_NOT_FOUND, PAGE_TOKEN_INVALID, INVALID_ARGUMENT for the filter. */
  async artifacts(principal: Principal, query: ArtifactQuery): Promise<ArtifactPage> {
    await this.namespaces.require(principal.namespace);
    // Read before the instant of the snapshot: if all lists are complete now, they are complete there too.
    const listsTypes = this.filling.isComplete;
    await using reader = this.index.snapshot();
    const session =
      query.session === undefined
        ? undefined
        : await readSession(reader, principal, query.session, this.index.now());
    if (query.showGone) return await this.withGone(reader, principal, session!, query);
    const found = await this.artifactPage(reader, principal, session?.uid, { ...query, listsTypes });
    return { ...found, gone: [], previews: await this.previews(reader, principal, found, query) };
  }

  private async artifactPage(
    reader: Snapshot,
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
    const position = this.paging.open(bound, query.pageToken);
    const condition = readFilter(filter, artifactFields, position.now);
    const narrowed = withinSessions(by, query.session, condition);
    const budget = this.paging.budget(queryReserve);
    const matching = { by, condition: narrowed, now: position.time, budget };
    const matches = new ArtifactMatches(reader, { ...matching, addedBytes: query.previewBytes ?? 0 });
    const end = { itemsMax: query.pageSize, bytesMax: limits.pageBytesMax, budget };
    if (versions) {
      const which = { ns, uid: within!, name, allVersions, matches, oldestFirst, ...end };
      const { items, last, driver } = await listVersions(reader, { ...which, after: position.after });
      const tests = condition === undefined ? [] : [toFilter(condition)];
      // No sample of versions is taken: only a page that has all of them shows their number.
      const total = last === undefined && position.after === undefined ? items.length : undefined;
      const result = { items, last, total: query.estimatesTotal ? total : undefined };
      const explained = { ...result, explain: () => ({ driver, tests }) };
      return this.answer(bound, position, explained, condition, budget);
    }
    const driving = new DrivingSessions(reader, ns, budget);
    const uids = await driving.named(narrowed);
    const byPrefix = await driving.byPrefix(narrowed);
    const byState = await driving.byState(narrowed);
    const search = new Search<Artifact>(reader, {
      ...end,
      oldestFirst,
      condition: narrowed,
      catalog: artifactCatalog(ns, { uids, byPrefix, byState, listsTypes: query.listsTypes }),
      after: position.after,
      resolve: (suffixes) => matches.latest(recordKeys(keys.artifacts.record.range(ns).gte, suffixes)),
    });
    const { items, last } = await page(search, end);
    const asksTotal = query.estimatesTotal === true && position.after === undefined;
    const total = !asksTotal ? undefined : last === undefined ? items.length : await search.estimate();
    const result = { items, last: last?.suffix, total, explain: () => search.explanation };
    return this.answer(bound, position, result, condition, budget);
  }

  /** Returns pages of artifacts, then pages of gone ones. The token says in which part to continue. */
  private async withGone(
    reader: Snapshot,
    by: Principal,
    session: SessionNow,
    query: ArtifactQuery,
  ): Promise<ArtifactPage> {
    requireWholeSessions(by);
    const { namespace: ns } = by;
    const { uid } = session;
    const manifest = manifestOf(session);
    const bound = [by.subject, ns, uid, query.oldestFirst, query.allVersions, 'gone'];
    const tokenOf = (position: Pick<Position, 'now' | 'time'>, offset: number) =>
      `${gonePrefix}${this.paging.token(bound, position, ascii(String(offset)))}`;
    if (!query.pageToken.startsWith(gonePrefix)) {
      const found = await this.artifactPage(reader, by, uid, { ...query, listsTypes: true });
      const previews = await this.previews(reader, by, found, query);
      const nextPageToken = found.nextPageToken || tokenOf({ now: found.time, time: found.time }, 0);
      return { ...found, nextPageToken, gone: [], previews };
    }
    // The prefix alone is neither a token nor the beginning.
    const token = query.pageToken.slice(gonePrefix.length) || gonePrefix;
    const position = this.paging.open(bound, token);
    const budget = this.paging.budget();
    const { lines, nextOffset } = await goneArtifacts(reader, this.contents, {
      ns,
      session,
      manifest,
      offset: Number(position.after),
      pageSize: query.pageSize,
      budget,
      now: position.time,
    });
    const explained = () => explain({ driver: 'manifest', tests: [] }, undefined, budget);
    const nextPageToken = nextOffset === undefined ? '' : tokenOf(position, nextOffset);
    const { time } = position;
    return { items: [], gone: lines, nextPageToken, time, explain: explained, previews: new Map() };
  }

  private async previews(
    reader: Snapshot,
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
    const position = this.paging.open(bound, query.pageToken);
    const condition = readFilter(query.filter, sessionFieldsOfSessions, position.now);
    const budget = this.paging.budget(queryReserve);
    const narrowed = withinSessions(by, undefined, condition);
    const driving = new DrivingSessions(reader, ns, budget);
    const uids = await driving.named(narrowed);
    const byPrefix = await driving.byPrefix(narrowed);
    const hasLeases = narrowed !== undefined && (await driving.haveLeases(narrowed));
    const prefix = keys.sessions.record.range(ns).gte;
    const now = position.time;
    const end = { itemsMax: query.pageSize, bytesMax: limits.pageBytesMax, budget };
    const search = new Search<Session>(reader, {
      ...end,
      condition: narrowed,
      catalog: sessionCatalog(ns, uids, byPrefix, hasLeases),
      oldestFirst: query.oldestFirst,
      after: position.after,
      resolve: (suffixes) =>
        matchingSessions(reader, { by, condition, now, budget }, recordKeys(prefix, suffixes)),
    });
    const { items, last } = await page(search, end);
    const result = { items, last: last?.suffix, explain: () => search.explanation };
    return this.answer(bound, position, result, condition, budget);
  }

  private answer<T>(
    bound: readonly unknown[],
    position: Position,
    result: {
      readonly items: readonly T[];
      readonly last: Uint8Array | undefined;
      readonly explain: () => Explanation;
      readonly total?: number | undefined;
    },
    condition: Condition | undefined,
    budget: Budget,
  ): QueryPage<T> {
    const { items, last } = result;
    return {
      items,
      nextPageToken: this.paging.token(bound, position, last),
      time: position.time,
      total: result.total,
      explain: () => explain(result.explain(), condition, budget),
    };
  }
}

/** Returns the keys of the records for which entries of lists stand. */
function recordKeys(prefix: Uint8Array, suffixes: readonly Uint8Array[]): Uint8Array[] {
  return suffixes.map((suffix) => recordKeyAt(prefix, suffix));
}

/**
 * Adds the condition that the session must be this one, or one of those to which the caller is limited. Then only the
 * lists of these sessions are read, unless many ids begin with the caller's prefixes.
 */
function withinSessions(
  { restriction }: Principal,
  session: string | undefined,
  condition: Condition | undefined,
): Condition | undefined {
  const allowed = session === undefined ? restriction?.sessions : [session];
  if (allowed === undefined) return condition;
  const prefixes = session === undefined ? (restriction?.sessionPrefixes ?? []) : [];
  const of = [...[...allowed].map(ofSession('equal')), ...prefixes.map(ofSession('prefix'))];
  const limited: Condition = of.length === 1 ? of[0]! : { kind: 'or', of };
  return condition === undefined ? limited : { kind: 'and', of: [condition, limited] };
}

function ofSession(is: 'equal' | 'prefix'): (text: string) => Condition {
  return (text) => ({ kind: 'test', field: { name: 'session' }, test: { is, text } });
}

function explain(
  explanation: Explanation,
  condition: Condition | undefined,
  budget: Budget,
): QueryExplanation {
  return {
    ...explanation,
    filter: condition === undefined ? '' : toFilter(condition),
    entriesRead: budget.used('entries'),
    probes: budget.used('probes'),
    recordsRead: budget.used('records'),
    budget: budget.limit,
  };
}
