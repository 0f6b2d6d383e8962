/**
 * A walk over lineage, breadth first: each edge once, by depth, then by the ids of the near and the far end.
 *
 * The near ends of depth d are the artifacts to which depth d - 1 led, and no depth before it. Each is followed once,
 * however many edges lead to it, so that diamonds cause no repetition. The near ends are never gathered. The rows below
 * each artifact of depth d - 2 are sorted by far end. Merging these lists gives the near ends in order, from the place
 * where the page before ended. So a walk can continue after a page if it knows only the place of its last edge. It
 * finds again
 *
 * - nothing, to continue at depth 1 or 2, whatever the fan-out: one list is read from the place on;
 * - deeper down, every edge of depth d - 2 and before (a row and a record each) and the position of the place in each
 *   list.
 *
 * Because of the second case, at most {@link limits.lineageEdgesMax} of these edges are allowed; with more, a depth of
 * d is refused.
 */

import { invalid } from '../../domain/errors.ts';
import type { ArtifactId } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Reader } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import { readLive, recordsReadTogether } from '../look/live.ts';

/** To the artifacts that it was made from, or to those that were made from it. */
export type Direction = 'inputs' | 'derived';

/** A place in a walk: everything up to here is behind. */
export interface Place {
  /** From 1. */
  readonly depth: number;
  /** Undefined: nothing of this depth is behind. */
  readonly near?: ArtifactId;
  /** Undefined: all edges of `near` are behind. */
  readonly far?: ArtifactId;
  /** True: this depth has had edges. Without any, nothing is deeper. */
  readonly isEdgeBehind?: boolean;
}

/** An edge from the near end to the far end. */
export interface WalkedEdge {
  /** The depth of the far end, from 1. */
  readonly depth: number;
  readonly near: ArtifactId;
  readonly far: ArtifactId;
}

/** Returns the place just behind an edge. */
export function placeAfter({ depth, near, far }: WalkedEdge): Place {
  return { depth, near, far, isEdgeBehind: true };
}

/** The settings of a walk. `now` in milliseconds since the Unix epoch. */
interface WalkOptions {
  readonly reader: Reader;
  readonly by: Principal;
  readonly start: ArtifactId;
  readonly direction: Direction;
  readonly now: number;
  readonly budget: Budget;
  /** The approximate number of rows that are read at once, 1 to 1,000. */
  readonly rowsTogether: number;
}

/** The place in an artifact's rows from which to read. */
interface From {
  readonly id: ArtifactId;
  readonly isIncluded: boolean;
}

/** The far ends below one artifact that were read so far; the next one is at the end of the array. */
interface List {
  readonly near: ArtifactId;
  readonly waiting: ArtifactId[];
  /** The last far end that was read, if more may follow. */
  last: ArtifactId | undefined;
}

/** One walk at one instant. */
export class LineageWalk {
  private readonly options: WalkOptions;
  /** The artifacts that are followed at each depth, sorted; only the depths that had to be gathered. */
  private readonly levels: (readonly ArtifactId[])[];
  private readonly followed: Set<ArtifactId>;
  private readonly known = new Map<ArtifactId, boolean>();
  private edgesGathered = 0;
  /** The place of the walk. After the walk has stopped: the place where another walk continues. */
  reached: Place = { depth: 1 };
  /** True: nothing follows. */
  isAtEnd = false;

  constructor(options: WalkOptions) {
    this.options = options;
    this.levels = [[options.start]];
    this.followed = new Set([options.start]);
  }

  /**
   * Continues until the end, or until the budget is spent: then {@link isAtEnd} is false. Every walk gets further than
   * `from`. Each edge is charged with the cost of reading its far end.
   *
   * @throws Failure INVALID_ARGUMENT if the walk is too wide to be continued.
   */
  async *edges(from: Place, depthMax: number): AsyncGenerator<WalkedEdge, void, void> {
    this.reached = from;
    for (let depth = from.depth; depth <= depthMax; depth++) {
      const parents = depth === 1 ? [] : await this.level(depth - 2);
      if (parents === 'too many') {
        // The edges that this call has found already are returned first.
        if (depth === from.depth) throw tooWide(depth);
        return;
      }
      if (parents === undefined) return;
      const resumed = depth === from.depth ? from : { depth };
      for await (const near of depth === 1 ? this.first(resumed) : this.nearEnds(parents, resumed)) {
        if (near.isFollowed)
          yield* this.edgesOf(depth, near.id, near.id === resumed.near ? resumed.far : undefined);
        if (this.options.budget.isSpent) return;
        this.reached = this.place({ depth, near: near.id });
      }
      if (this.options.budget.isSpent) return;
      if (!this.reached.isEdgeBehind) break;
      this.reached = { depth: depth + 1 };
    }
    this.isAtEnd = true;
  }

  /** Returns a place of the same depth as the one that was reached. */
  private place(place: Place): Place {
    return { ...place, isEdgeBehind: this.reached.isEdgeBehind ?? false };
  }

  private async *edgesOf(
    depth: number,
    near: ArtifactId,
    after: ArtifactId | undefined,
  ): AsyncGenerator<WalkedEdge> {
    const { budget, rowsTogether } = this.options;
    for (let last = after; ; ) {
      const fars = await this.rows(near, last && { id: last, isIncluded: false }, rowsTogether);
      for (const far of fars) {
        const edge = { depth, near, far };
        budget.spend('records', 2);
        yield edge;
        this.reached = placeAfter(edge);
      }
      if (fars.length < rowsTogether || budget.isSpent) return;
      last = fars.at(-1)!;
    }
  }

  /** Yields the near end of depth 1. */
  private async *first(from: Place) {
    const isBehind = from.near !== undefined && from.far === undefined;
    if (!isBehind) yield { id: this.options.start, isFollowed: true };
  }

  /**
   * Yields the artifacts to which the edges of `parents` lead, in order; and for each, whether it is a near end of the
   * next depth.
   */
  private async *nearEnds(parents: readonly ArtifactId[], from: Place) {
    let block: ArtifactId[] = [];
    const resolved = async () => {
      const isLive = await this.areLive(block);
      return block.map((id, at) => ({ id, isFollowed: isLive[at]! && !this.followed.has(id) }));
    };
    const start = from.near && { id: from.near, isIncluded: from.far !== undefined };
    for await (const id of this.merged(parents, start)) {
      block.push(id);
      if (block.length < recordsReadTogether) continue;
      yield* await resolved();
      block = [];
    }
    yield* await resolved();
  }

  /** Yields the far ends of all `parents`, sorted, each once. Stops early when the budget is spent. */
  private async *merged(
    parents: readonly ArtifactId[],
    from: From | undefined,
  ): AsyncGenerator<ArtifactId, void, void> {
    const { budget } = this.options;
    const together = Math.ceil(this.options.rowsTogether / parents.length);
    const read = async (near: ArtifactId, after: From | undefined): Promise<List> => {
      const fars = await this.rows(near, after, together);
      return { near, last: fars.length < together ? undefined : fars.at(-1), waiting: fars.reverse() };
    };
    // The list with the smallest far end comes last.
    const lists: List[] = [];
    for (const parent of parents) {
      if (budget.isSpent) return;
      const list = await read(parent, from);
      if (list.waiting.length > 0) lists.push(list);
    }
    lists.sort((a, b) => (next(a) < next(b) ? 1 : next(a) > next(b) ? -1 : 0));
    let before: ArtifactId | undefined;
    for (let list = lists.pop(); list !== undefined; list = lists.pop()) {
      const id = list.waiting.pop()!;
      if (id !== before) yield id;
      before = id;
      if (list.waiting.length === 0 && list.last !== undefined) {
        if (budget.isSpent) return;
        list = await read(list.near, { id: list.last, isIncluded: false });
      }
      if (list.waiting.length > 0) lists.splice(placeOf(lists, next(list)), 0, list);
    }
  }

  /**
   * Returns the artifacts that are followed at a depth, from 0 for the start. Undefined if the budget is spent
   * meanwhile.
   */
  private async level(depth: number): Promise<readonly ArtifactId[] | 'too many' | undefined> {
    while (this.levels.length <= depth) {
      const found = new Set<ArtifactId>();
      for (const near of this.levels.at(-1)!) {
        for (let last: From | undefined; ; ) {
          if (this.options.budget.isSpent) return undefined;
          const limit = Math.min(1_000, limits.lineageEdgesMax - this.edgesGathered + 1);
          const fars = await this.rows(near, last, limit);
          this.edgesGathered += fars.length;
          if (this.edgesGathered > limits.lineageEdgesMax) return 'too many';
          for (const far of fars) if (!this.followed.has(far)) found.add(far);
          if (fars.length < limit) break;
          last = { id: fars.at(-1)!, isIncluded: false };
        }
      }
      const ids = [...found].sort();
      const isLive = await this.areLive(ids);
      const level = ids.filter((_, at) => isLive[at]);
      for (const id of level) this.followed.add(id);
      this.levels.push(level);
    }
    return this.levels[depth]!;
  }

  private async rows(near: ArtifactId, from: From | undefined, limit: number): Promise<ArtifactId[]> {
    const { reader, by, direction, budget } = this.options;
    const family = keys.lineage[direction];
    const all = family.range(by.namespace, near);
    const key = from && family.key(by.namespace, near, from.id);
    const rest = key === undefined ? all : from?.isIncluded ? { ...all, gte: key } : rangeAfter(all, key);
    const found: ArtifactId[] = [];
    for await (const block of reader.scan({ ...rest, limit }))
      for (const [row] of block) found.push(family.parse(row)[2]);
    budget.spend('entries', Math.max(1, found.length));
    return found;
  }

  private async areLive(ids: readonly ArtifactId[]): Promise<boolean[]> {
    const { reader, by, now, budget } = this.options;
    const unknown = ids.filter((id) => !this.known.has(id));
    for (let at = 0; at < unknown.length; at += recordsReadTogether) {
      const block = unknown.slice(at, at + recordsReadTogether);
      const found = await readLive(reader, by, block, now);
      for (const [offset, id] of block.entries()) this.known.set(id, found[offset] !== undefined);
    }
    budget.spend('records', unknown.length);
    return ids.map((id) => this.known.get(id)!);
  }
}

function next(list: List): ArtifactId {
  return list.waiting.at(-1)!;
}

/**
 * Returns the position of a list that begins with `id`, among lists of which the last one begins with the smallest id.
 */
function placeOf(lists: readonly List[], id: ArtifactId): number {
  let low = 0;
  let high = lists.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (next(lists[middle]!) > id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tooWide(depth: number) {
  return invalid(
    'depth',
    `must be at most ${depth - 1} for this artifact, because its lineage up to that level has more than ` +
      `${limits.lineageEdgesMax} edges; ask for fewer levels, or start at an artifact closer to the one you are ` +
      'looking for',
  );
}
