/** Lineage by pages: the artifacts that an artifact was made from, or that were made from it. */
import { Buffer } from 'node:buffer';
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { type ArtifactId, artifactId, idToBytes } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Found } from '../../query/search.ts';
import { readRecord } from '../look/artifact.ts';
import { readLive, recordsReadTogether } from '../look/live.ts';
import { type Page, type PageRequest, page } from '../look/page.ts';
import type { Paging } from '../look/paging.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { type Direction, LineageWalk, type Place, placeAfter, type WalkedEdge } from './lineage-walk.ts';

/** The start, the direction and the depth. */
export interface LineageQuery extends PageRequest {
  readonly target: ArtifactTarget;
  readonly direction: Direction;
  /** 1 to {@link limits.lineageDepthMax}. */
  readonly depth: number;
}

/** `derivedId` was made from `inputId`. */
export interface LineageEdge {
  readonly derivedId: ArtifactId;
  readonly inputId: ArtifactId;
  /** The number of edges from the start to the far end, from 1. */
  readonly depth: number;
  /** The artifact at the far end. Undefined if it is gone, or if the caller may not read it. */
  readonly artifact: Artifact | undefined;
}

/** The size that an edge adds to a page in addition to its artifact. */
const edgeBytes = 64;

const idBytes = 16;

/** Lineage within the caller’s namespace. Each call reads at one instant and touches a bounded number of rows. */
export class Lineage {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly paging: Paging;

  constructor(index: Index, namespaces: Namespaces, paging: Paging) {
    this.index = index;
    this.namespaces = namespaces;
    this.paging = paging;
  }

  /**
   * Returns edges, by depth, then by the ids of the near and the far end, each once. `lineage-walk.ts` describes the
   * cost of a page. A token continues with the artifact with which the first page began, even if its name has a later
   * version since.
   *
   * @throws Failure the failures of reading the artifact, PAGE_TOKEN_INVALID, INVALID_ARGUMENT for a depth for which
   * the artifacts are too many.
   */
  async list(principal: Principal, query: LineageQuery): Promise<Page<LineageEdge>> {
    const { target, direction, depth, pageSize } = query;
    await this.namespaces.require(principal.namespace);
    await using reader = this.index.snapshot();
    const now = this.index.now();
    const bound = [principal.subject, principal.namespace, 'lineage', target, direction, depth];
    const position = this.paging.open(bound, query.pageToken);
    const from = position.after && decodePlace(position.after);
    const { record } = await readRecord(reader, principal, from ? { id: from.start } : target, now);
    const walk = new LineageWalk({
      reader,
      by: principal,
      start: record.id,
      direction,
      now: position.time,
      budget: this.paging.budget(),
      rowsTogether: Math.max(recordsReadTogether, pageSize),
    });
    const source = {
      entries: () => blocksOf(walk.edges(from?.place ?? { depth: 1 }, depth), pageSize),
      look: (edges: readonly WalkedEdge[]) => readEdges(reader, principal, edges, direction, position.time),
    };
    // The walk ends by itself when the budget is spent, and its edges have been paid for.
    const { items, last } = await page(source, { itemsMax: pageSize, bytesMax: limits.pageBytesMax });
    const place = last === undefined ? walk.reached : placeAfter(last);
    const isEnd = last === undefined && walk.isAtEnd;
    const after = isEnd ? undefined : encodePlace(record.id, place);
    return { items, nextPageToken: this.paging.token(bound, position, after) };
  }
}

/** Yields blocks of edges, as many as the page needs; their far ends are read together. */
async function* blocksOf(
  edges: AsyncIterable<WalkedEdge>,
  pageSize: number,
): AsyncGenerator<readonly WalkedEdge[], void, void> {
  let block: WalkedEdge[] = [];
  let wanted = pageSize;
  for await (const edge of edges) {
    block.push(edge);
    if (block.length < Math.min(wanted, recordsReadTogether)) continue;
    yield block;
    wanted -= block.length;
    block = [];
  }
  if (block.length > 0) yield block;
}

/** Returns the edges with the artifacts at their far ends. */
async function readEdges(
  reader: Reader,
  by: Principal,
  edges: readonly WalkedEdge[],
  direction: Direction,
  now: number,
): Promise<Found<LineageEdge>[]> {
  const ids = [...new Set(edges.map(({ far }) => far))];
  const found = await readEnds(reader, by, ids, now);
  const ends = new Map(ids.map((id, at) => [id, found[at]]));
  return edges.map(({ near, far, depth }) => {
    const end = ends.get(far);
    const [derivedId, inputId] = direction === 'inputs' ? [near, far] : [far, near];
    const item = { derivedId, inputId, depth, artifact: end?.item };
    return { item, bytes: edgeBytes + (end?.bytes ?? 0) };
  });
}

async function readEnds(
  reader: Reader,
  by: Principal,
  ids: readonly ArtifactId[],
  now: number,
): Promise<(Found<Artifact> | undefined)[]> {
  const found = await readLive(reader, by, ids, now);
  const live = found.filter((one) => one !== undefined);
  const heads = await reader.getMany(
    live.map(({ record }) => keys.artifacts.head.key(by.namespace, record.uid, record.name)),
  );
  let next = 0;
  return found.map((one) => {
    if (one === undefined) return undefined;
    const head = heads[next++];
    const isLatest = head !== undefined && keys.artifacts.head.decode(head).latest === one.record.id;
    return { item: toArtifact(one.record, isLatest, one.session), bytes: one.bytes };
  });
}

/**
 * Encodes the start, the depth, whether an edge of this depth is behind, and the near and the far end if they exist.
 */
function encodePlace(start: ArtifactId, { depth, near, far, isEdgeBehind }: Place): Buffer {
  const ids = [near, far].filter((id) => id !== undefined).map(idToBytes);
  return Buffer.concat([idToBytes(start), Uint8Array.of(depth, isEdgeBehind ? 1 : 0), ...ids]);
}

/** The reverse of {@link encodePlace}. The bytes come from this service: tokens are signed. */
function decodePlace(bytes: Buffer): { readonly start: ArtifactId; readonly place: Place } {
  const id = (at: number) =>
    at < bytes.length ? artifactId(Uint8Array.from(bytes.subarray(at, at + idBytes))) : undefined;
  const [near, far] = [id(idBytes + 2), id(2 * idBytes + 2)];
  return {
    start: artifactId(Uint8Array.from(bytes.subarray(0, idBytes))),
    place: {
      depth: bytes[idBytes]!,
      isEdgeBehind: bytes[idBytes + 1] === 1,
      ...(near === undefined ? {} : { near }),
      ...(far === undefined ? {} : { far }),
    },
  };
}
