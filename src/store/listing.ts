/** Listings: one index family, scanned from where the page before ended, within a budget of rows touched. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../domain/artifact.ts';
import { isExpired } from '../domain/expiry.ts';
import type { ArtifactId, SessionUid } from '../domain/ids.ts';
import { limits } from '../domain/limits.ts';
import type { ArtifactName, SessionId } from '../domain/names.ts';
import { type Principal, requireWholeSessions, seesArtifact, seesSession } from '../domain/principal.ts';
import type { Session } from '../domain/session.ts';
import type { Entry, Index, Key, Range, Reader } from '../index/door.ts';
import { rangeAfter } from '../index/family.ts';
import { artifacts, latest, sessions } from '../index/keys.ts';
import type { ArtifactRecord } from '../index/records.ts';
import { toArtifact } from './artifact-rows.ts';
import type { Contents } from './contents.ts';
import { manifestNotFound, sessionNotFound } from './failures.ts';
import { goneArtifacts } from './gone.ts';
import type { ManifestLine } from './manifest.ts';
import type { Namespaces } from './namespaces.ts';
import type { PageTokens } from './page-token.ts';
import { readSessions } from './session-rows.ts';

/** Which page. */
export interface PageRequest {
  /** 1 to {@link limits.pageSizeMax}. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty at the end. A page may be short, even empty, and still have one. */
  readonly nextPageToken: string;
}

/** Which artifacts of a session, in which order. */
export interface ArtifactQuery extends PageRequest {
  readonly session: SessionId;
  readonly oldestFirst: boolean;
  /** All versions of the session, in the order of the commits, instead of the latest of each name. */
  readonly allVersions: boolean;
  /** Only this name: its latest version, or with `allVersions` all of them. */
  readonly name: ArtifactName | undefined;
  /** After the artifacts also what the manifest lists and is gone. */
  readonly showGone: boolean;
}

/** A page of artifacts, or of what is gone. */
export interface ArtifactPage extends Page<Artifact> {
  readonly gone: readonly ManifestLine[];
}

interface Found<T> {
  readonly item: T;
  readonly bytes: number;
}

/** How one kind of listing reads its family. */
interface Source<T> {
  /** What the page token is bound to. */
  readonly query: readonly unknown[];
  readonly range: Range;
  /** The range has no more than its first page. */
  readonly isOnePage?: boolean;
  /** For each entry one item with the size of its record, or undefined where the entry shows nothing. */
  resolve(entries: readonly Entry[]): Promise<(Found<T> | undefined)[]>;
}

/** Records can be large, and what does not fit into the page any more was read in vain. */
const recordsReadTogether = 32;

/** Marks the tokens of the second part of a listing; base64url has no such character. */
const gonePrefix = '~';

const ascii = (text: string) => Buffer.from(text, 'latin1');

/** Listings of the caller’s namespace. Each call reads at one instant and touches a bounded number of rows. */
export class Listing {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly contents: Contents;
  private readonly tokens: PageTokens;

  constructor(index: Index, namespaces: Namespaces, contents: Contents, tokens: PageTokens) {
    this.index = index;
    this.namespaces = namespaces;
    this.contents = contents;
    this.tokens = tokens;
  }

  /** Artifacts of a session. @throws Failure SESSION_NOT_FOUND, MANIFEST_NOT_FOUND, PAGE_TOKEN_INVALID. */
  async artifacts(principal: Principal, query: ArtifactQuery): Promise<ArtifactPage> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using reader = this.index.snapshot();
    const name = await reader.get(sessions.name.key(ns, query.session));
    if (name === undefined || !seesSession(principal, query.session)) throw sessionNotFound(query.session);
    const { uid } = sessions.name.decode(name);
    const source =
      query.allVersions || query.name !== undefined
        ? versionsSource(reader, principal, uid, query, this.index.now())
        : latestSource(reader, principal, uid, query, this.index.now());
    if (query.showGone) requireWholeSessions(principal);
    if (query.showGone) return await this.withGone(reader, principal, uid, source, query);
    return { ...(await this.page(reader, principal, source, query)), gone: [] };
  }

  /** Pages of artifacts, then pages of what is gone: a token says which part it goes on with. */
  private async withGone(
    reader: Reader,
    principal: Principal,
    uid: SessionUid,
    source: Source<Artifact>,
    query: ArtifactQuery,
  ): Promise<ArtifactPage> {
    const ns = principal.namespace;
    const record = await reader.get(sessions.record.key(ns, uid));
    const session = record && sessions.record.decode(record);
    if (!session?.manifest) throw manifestNotFound(query.session);
    const bound = [principal.subject, ...source.query, 'gone'];
    const tokenOf = (offset: number) => this.tokens.issue(bound, ascii(String(offset)));
    const goneOffset = query.pageToken.startsWith(gonePrefix)
      ? Number(this.tokens.open(bound, query.pageToken.slice(gonePrefix.length)).toString())
      : undefined;
    if (goneOffset === undefined) {
      const page = await this.page(reader, principal, source, query);
      const nextPageToken = page.nextPageToken || `${gonePrefix}${tokenOf(0)}`;
      return { items: page.items, nextPageToken, gone: [] };
    }
    const { manifest } = session;
    const request = {
      ns,
      session,
      manifest,
      offset: goneOffset,
      pageSize: query.pageSize,
      now: this.index.now(),
    };
    const { lines, nextOffset } = await goneArtifacts(reader, this.contents, request);
    return {
      items: [],
      gone: lines,
      nextPageToken: nextOffset === undefined ? '' : `${gonePrefix}${tokenOf(nextOffset)}`,
    };
  }

  /** Sessions, by the time they were opened. @throws Failure PAGE_TOKEN_INVALID. */
  async sessions(
    principal: Principal,
    query: PageRequest & { readonly oldestFirst: boolean },
  ): Promise<Page<Session>> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    await using reader = this.index.snapshot();
    const source: Source<Session> = {
      query: [ns, 'sessions', query.oldestFirst],
      range: { ...sessions.byTime.range(ns), reverse: query.oldestFirst },
      resolve: async (entries) => {
        const keys = entries.map(([key]) => sessions.record.key(ns, sessions.byTime.parse(key)[1]));
        const values = await reader.getMany(keys);
        const records = values.map((value) => {
          const record = value && sessions.record.decode(value);
          return record && seesSession(principal, record.id) ? record : undefined;
        });
        const items = await readSessions(
          reader,
          ns,
          records.filter((record) => record !== undefined),
        );
        let next = 0;
        return records.map((record) => {
          const item = record && items[next++];
          return item && { item, bytes: JSON.stringify(item).length };
        });
      },
    };
    return await this.page(reader, principal, source, query);
  }

  private async page<T>(
    reader: Reader,
    principal: Principal,
    source: Source<T>,
    request: PageRequest,
  ): Promise<Page<T>> {
    const query = [principal.subject, ...source.query];
    const range =
      request.pageToken === ''
        ? source.range
        : rangeAfter(source.range, this.tokens.open(query, request.pageToken));
    const items: T[] = [];
    const step = Math.min(request.pageSize, recordsReadTogether);
    let touched = 0;
    let bytes = 0;
    for await (const block of reader.scan({ limit: limits.queryTouchesMax, ...range })) {
      for (let at = 0; at < block.length; at += step) {
        const entries = block.slice(at, at + step);
        const resolved = await source.resolve(entries);
        for (const [offset, found] of resolved.entries()) {
          touched++;
          if (found !== undefined) {
            items.push(found.item);
            bytes += found.bytes;
          }
          const full = items.length === request.pageSize || bytes >= limits.pageBytesMax;
          if ((full || touched === limits.queryTouchesMax) && !source.isOnePage)
            return { items, nextPageToken: await this.nextToken(reader, range, query, entries[offset]![0]) };
        }
      }
    }
    return { items, nextPageToken: '' };
  }

  /** No token where nothing follows, so that a full last page does not promise another. */
  private async nextToken(
    reader: Reader,
    range: Range,
    query: readonly unknown[],
    last: Key,
  ): Promise<string> {
    for await (const _block of reader.scan({ ...rangeAfter(range, last), limit: 1 }))
      return this.tokens.issue(query, last);
    return '';
  }
}

function latestSource(
  reader: Reader,
  by: Principal,
  uid: SessionUid,
  query: ArtifactQuery,
  now: number,
): Source<Artifact> {
  const ns = by.namespace;
  return {
    query: [ns, 'latest', uid, query.oldestFirst, query.showGone],
    range: { ...latest.bySession.range(ns, uid), reverse: query.oldestFirst },
    resolve: async (entries) => {
      const ids = entries.map(([key]) => latest.bySession.parse(key)[2]);
      const records = await liveRecords(reader, by, ids, now);
      return records.map((found) => found && { item: toArtifact(found.item, true), bytes: found.bytes });
    },
  };
}

function versionsSource(
  reader: Reader,
  by: Principal,
  uid: SessionUid,
  query: ArtifactQuery,
  now: number,
): Source<Artifact> {
  const ns = by.namespace;
  const { name, oldestFirst } = query;
  const kind = [ns, 'versions', uid, name ?? null, query.allVersions, oldestFirst, query.showGone];
  const heads = new Map<string, ArtifactId | undefined>();
  const resolveIds = async (ids: readonly (ArtifactId | undefined)[]) => {
    const records = await liveRecords(reader, by, ids, now);
    return await Promise.all(
      records.map(async (found) => {
        if (found === undefined) return undefined;
        const isLatest = (await latestId(reader, ns, uid, found.item.name, heads)) === found.item.id;
        return { item: toArtifact(found.item, isLatest), bytes: found.bytes };
      }),
    );
  };
  if (name !== undefined && !query.allVersions)
    return {
      query: kind,
      // The latest version is the highest, unless that one is gone.
      range: { ...artifacts.version.range(ns, uid, name), limit: 1 },
      isOnePage: true,
      resolve: async (entries) => {
        const found = await resolveIds(entries.map(([, value]) => artifacts.version.decode(value).id));
        return found.map((version) => (version?.item.latest ? version : undefined));
      },
    };
  if (name !== undefined)
    return {
      query: kind,
      range: { ...artifacts.version.range(ns, uid, name), reverse: oldestFirst },
      resolve: (entries) => resolveIds(entries.map(([, value]) => artifacts.version.decode(value).id)),
    };
  return {
    query: kind,
    range: { ...artifacts.feed.range(ns, uid), reverse: !oldestFirst },
    resolve: (entries) =>
      resolveIds(
        entries.map(([, value]) => {
          const event = artifacts.feed.decode(value);
          return event.kind === 'committed' ? event.id : undefined;
        }),
      ),
  };
}

async function latestId(
  reader: Reader,
  ns: string,
  uid: SessionUid,
  name: string,
  heads: Map<string, ArtifactId | undefined>,
) {
  if (!heads.has(name)) {
    const value = await reader.get(artifacts.head.key(ns, uid, name));
    heads.set(name, value && artifacts.head.decode(value).latest);
  }
  return heads.get(name);
}

async function liveRecords(
  reader: Reader,
  by: Principal,
  ids: readonly (ArtifactId | undefined)[],
  now: number,
): Promise<(Found<ArtifactRecord> | undefined)[]> {
  const wanted = ids.filter((id) => id !== undefined);
  const values = await reader.getMany(wanted.map((id) => artifacts.record.key(by.namespace, id)));
  let next = 0;
  return ids.map((id) => {
    if (id === undefined) return undefined;
    const value = values[next++];
    if (value === undefined) return undefined;
    const record = artifacts.record.decode(value);
    return isExpired(record, now) || !seesArtifact(by, record)
      ? undefined
      : { item: record, bytes: value.length };
  });
}
