/** Compares two sessions by the names of their artifacts. */
import { Buffer } from 'node:buffer';
import type { Artifact } from '../../domain/artifact.ts';
import { mediaTypeOf } from '../../domain/content-type.ts';
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Pairs } from '../../domain/metadata.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index, Reader } from '../../index/door.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import type { Found } from '../../query/search.ts';
import { readLive, recordsReadTogether } from '../look/live.ts';
import { type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { readSession } from '../look/session.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { Heads, type NamePair, pairs } from './heads.ts';

/** The sessions to compare. */
export interface ComparisonQuery extends PageRequest {
  readonly base: SessionId;
  /** May be the same session. */
  readonly session: SessionId;
  /** True: show also names that do not differ. */
  readonly showUnchanged: boolean;
}

/**
 * The way in which a name differs. `content` outranks `metadata`, which is the artifact’s own metadata and the content
 * type.
 */
export type DifferenceKind = 'added' | 'removed' | 'content' | 'metadata' | 'none';

/** One name. Each side is the live latest version of the name. */
export interface Difference {
  readonly name: string;
  readonly kind: DifferenceKind;
  readonly base: Artifact | undefined;
  readonly compared: Artifact | undefined;
}

/** Comparisons within the caller’s namespace. */
export class Comparison {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.paging = paging;
  }

  /**
   * Returns differences, sorted by the name's UTF-8 bytes, as of one instant. A page begins where the page before
   * ended. It costs a row for each name of either session that it passes, and a record for each of these that exists.
   *
   * @throws Failure SESSION_NOT_FOUND, PAGE_TOKEN_INVALID.
   */
  async compare(principal: Principal, query: ComparisonQuery): Promise<Page<Difference>> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    await using reader = this.index.snapshot();
    const now = this.index.now();
    const base = (await readSession(reader, principal, query.base, now)).uid;
    const compared = (await readSession(reader, principal, query.session, now)).uid;
    const { pageSize, showUnchanged } = query;
    const bound = [principal.subject, ns, 'comparison', base, compared, showUnchanged];
    const position = this.paging.open(bound, query.pageToken);
    const after = position.after?.toString('utf8');
    const budget = this.paging.budget();
    const rowsTogether = Math.max(recordsReadTogether, pageSize);
    const heads = (uid: SessionUid) => new Heads(reader, principal, uid, { after, rowsTogether, budget });
    const source = {
      entries: () => blocksOf(pairs(heads(base), heads(compared))),
      look: (block: readonly NamePair[]) =>
        resolve(reader, principal, block, showUnchanged, { now: position.time, budget }),
    };
    const end = { itemsMax: pageSize, bytesMax: limits.pageBytesMax, budget, endsBeforeItem: true };
    const { items, last } = await page(source, end);
    const nextPageToken = this.paging.token(bound, position, last && Buffer.from(last.name));
    return { items, nextPageToken };
  }
}

/** Yields blocks of pairs, so small that their records can be read together. */
async function* blocksOf(all: AsyncIterable<NamePair>): AsyncGenerator<readonly NamePair[], void, void> {
  let block: NamePair[] = [];
  for await (const pair of all) {
    block.push(pair);
    if (block.length < recordsReadTogether / 2) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}

async function resolve(
  reader: Reader,
  by: Principal,
  block: readonly NamePair[],
  showUnchanged: boolean,
  { now, budget }: { readonly now: number; readonly budget: Budget },
): Promise<(Found<Difference> | undefined)[]> {
  const ids = new Set<ArtifactId>();
  for (const { base, compared } of block) {
    // In a comparison of a session with itself, an artifact that is the same on both sides need not be read.
    if (base === compared && !showUnchanged) continue;
    for (const id of [base, compared]) if (id !== undefined) ids.add(id);
  }
  const wanted = [...ids];
  budget.spend('records', wanted.length);
  const records = await readLive(reader, by, wanted, now);
  const live = new Map(wanted.map((id, at) => [id, records[at]]));
  return block.map(({ name, base, compared }) => {
    const left = base && live.get(base);
    const right = compared && live.get(compared);
    const kind = kindOf(left?.record, right?.record);
    if (kind === undefined || (kind === 'none' && !showUnchanged)) return undefined;
    const item = {
      name,
      kind,
      base: left && toArtifact(left.record, true, left.session),
      compared: right && toArtifact(right.record, true, right.session),
    };
    return { item, bytes: (left?.bytes ?? 0) + (right?.bytes ?? 0) };
  });
}

/** Returns undefined if neither side exists. */
function kindOf(
  base: ArtifactRecord | undefined,
  compared: ArtifactRecord | undefined,
): DifferenceKind | undefined {
  if (base === undefined) return compared === undefined ? undefined : 'added';
  if (compared === undefined) return 'removed';
  if (base.sha256 !== compared.sha256) return 'content';
  const isSame =
    mediaTypeOf(base.contentType) === mediaTypeOf(compared.contentType) &&
    JSON.stringify(ownMetadata(base)) === JSON.stringify(ownMetadata(compared));
  return isSame ? 'none' : 'metadata';
}

/** Returns the artifact's own metadata, sorted by key, as in records. */
function ownMetadata({ metadata, inherited }: ArtifactRecord): Pairs {
  return metadata.filter(([key]) => !inherited.includes(key));
}
