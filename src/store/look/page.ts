/** The page: the one loop that fills the answer of a listing. */
import type { Budget } from '../../domain/load/budget.ts';
import type { Reader } from '../../index/door.ts';
import type { Entry, Range } from '../../index/row.ts';
import type { Found } from '../../query/search.ts';

/** The page to return. */
export interface PageRequest {
  /** 1 to {@link limits.pageSizeMax}. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty at the end. A page may be short, even empty, and still have a token. */
  readonly nextPageToken: string;
}

/** Where the items of a page come from. */
interface Source<E, T> {
  /** Yields entries in the order of the listing, in blocks. No block is empty. */
  entries(): AsyncIterable<readonly E[]>;
  /**
   * Looks at the first of some entries, at one or more. Returns what each of these stands for: an item, or undefined if
   * it is not shown. It charges the budget.
   */
  look(entries: readonly E[]): Promise<readonly (Found<T> | undefined)[]>;
}

/** The end of a page. */
interface PageEnd {
  readonly itemsMax: number;
  /** The size at which the page ends; the item that reaches it still belongs to it. Default: none. */
  readonly bytesMax?: number;
  /** Undefined: the entries end by themselves when the budget is spent. */
  readonly budget?: Budget;
  /** True: a full page ends before the next item; a token then always leads to one. Default: before the next entry. */
  readonly endsBeforeItem?: boolean;
}

/** The items of a page. */
interface Filled<E, T> {
  readonly items: readonly T[];
  /** The last entry that was looked at, if the listing continues after it; undefined at the end. */
  readonly last: E | undefined;
}

/**
 * Looks at entries until the page is full, the budget is spent or no entry follows. It looks at one entry at least,
 * whatever the budget is, so that every page gets further than the page before.
 */
export async function page<E, T>(source: Source<E, T>, end: PageEnd): Promise<Filled<E, T>> {
  const { itemsMax, bytesMax = Number.POSITIVE_INFINITY, budget, endsBeforeItem = false } = end;
  const items: T[] = [];
  let bytes = 0;
  let last: E | undefined;
  const isFull = () => items.length >= itemsMax || bytes >= bytesMax;
  const isOver = () => budget?.isSpent === true || (isFull() && !endsBeforeItem);
  for await (const block of source.entries())
    for (let at = 0; at < block.length; ) {
      if (last !== undefined && isOver()) return { items, last };
      const looked = await source.look(at === 0 ? block : block.slice(at));
      for (const found of looked) {
        if (isFull() && (found !== undefined || !endsBeforeItem)) return { items, last };
        if (found !== undefined) {
          items.push(found.item);
          bytes += found.bytes;
        }
        last = block[at++];
      }
    }
  return { items, last: undefined };
}

/** Yields the rows of a range, and charges each row that is read. */
export async function* chargedRows(
  reader: Reader,
  range: Range,
  budget: Budget,
): AsyncGenerator<readonly Entry[], void, void> {
  for await (const block of reader.scan(range)) {
    budget.spend('entries', block.length);
    yield block;
  }
}
