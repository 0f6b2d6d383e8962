/** Lineage by pages: the artifacts that an artifact was made from, or that were made from it. */
import { Buffer } from 'node:buffer';
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { type ArtifactId, artifactId, idToBytes } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { readRecord } from '../look/artifact.ts';
import { readLive, recordsReadTogether } from '../look/live.ts';
import type { PageTokens } from '../look/page-token.ts';
import { Touches } from '../look/touches.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { type Direction, LineageWalk, type Place, type Step } from './lineage-walk.ts';
import type { Page, PageRequest } from './listing.ts';

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
  /** The steps from the start to the far end, from 1. */
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
  private readonly tokens: PageTokens;

  constructor(index: Index, namespaces: Namespaces, tokens: PageTokens) {
    this.index = index;
    this.namespaces = namespaces;
    this.tokens = tokens;
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
    const from = query.pageToken === '' ? undefined : decodePlace(this.tokens.open(bound, query.pageToken));
    const { record } = await readRecord(reader, principal, from ? { id: from.start } : target, now);
    const walk = new LineageWalk({
      reader,
      by: principal,
      start: record.id,
      direction,
      now,
      touches: new Touches(),
      rowsTogether: Math.max(recordsReadTogether, pageSize),
    });
    const page = new EdgePage(pageSize, direction, (ids) => readEnds(reader, principal, ids, now));
    const goOn = (place: Place) => ({
      items: page.items,
      nextPageToken: this.tokens.issue(bound, encodePlace(record.id, place)),
    });
    for await (const step of walk.steps(from?.place ?? { depth: 1 }, depth)) {
      const tooMuch = await page.add(step);
      if (tooMuch !== undefined) return goOn(tooMuch.before);
    }
    const tooMuch = await page.flush();
    if (tooMuch !== undefined) return goOn(tooMuch.before);
    return walk.isAtEnd ? { items: page.items, nextPageToken: '' } : goOn(walk.reached);
  }
}

interface End {
  readonly artifact: Artifact;
  readonly bytes: number;
}

/** Gathers edges until a page is full; far ends are read some at a time. */
class EdgePage {
  readonly items: LineageEdge[] = [];
  private readonly pageSize: number;
  private readonly direction: Direction;
  private readonly read: (ids: readonly ArtifactId[]) => Promise<(End | undefined)[]>;
  private waiting: Step[] = [];
  private bytes = 0;

  constructor(
    pageSize: number,
    direction: Direction,
    read: (ids: readonly ArtifactId[]) => Promise<(End | undefined)[]>,
  ) {
    this.pageSize = pageSize;
    this.direction = direction;
    this.read = read;
  }

  private get isFull(): boolean {
    return this.items.length === this.pageSize || this.bytes >= limits.pageBytesMax;
  }

  /** Takes a step, or returns the first step that does not fit any more. */
  async add(step: Step): Promise<Step | undefined> {
    if (this.isFull) return step;
    this.waiting.push(step);
    const count = this.waiting.length;
    if (count < recordsReadTogether && this.items.length + count < this.pageSize) return undefined;
    return await this.flush();
  }

  async flush(): Promise<Step | undefined> {
    const steps = this.waiting;
    this.waiting = [];
    const ids = [...new Set(steps.map(({ far }) => far))];
    const found = await this.read(ids);
    const ends = new Map(ids.map((id, at) => [id, found[at]]));
    for (const step of steps) {
      if (this.isFull) return step;
      const { near, far, depth } = step;
      const end = ends.get(far);
      const [derivedId, inputId] = this.direction === 'inputs' ? [near, far] : [far, near];
      this.items.push({ derivedId, inputId, depth, artifact: end?.artifact });
      this.bytes += edgeBytes + (end?.bytes ?? 0);
    }
    return undefined;
  }
}

async function readEnds(
  reader: Reader,
  by: Principal,
  ids: readonly ArtifactId[],
  now: number,
): Promise<(End | undefined)[]> {
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
    return { artifact: toArtifact(one.record, isLatest, one.session), bytes: one.bytes };
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
