import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import type { CallSettings } from './calls.ts';

/** How to read a list. */
export interface PageOptions extends CallSettings {
  /** By create time. Default `newest` first. */
  readonly order?: 'newest' | 'oldest' | undefined;
  /** The greatest number of items in all. Default: no bound. */
  readonly limit?: number | undefined;
  /** The number of items in one request, 1 to 1,000. Default 500. */
  readonly pageSize?: number | undefined;
}

interface Page<T> {
  readonly items: readonly T[];
  /** Empty: no further page exists. */
  readonly nextPageToken: string;
}

/** Yields all items of a list, one page in memory at a time. Pages may be empty and still have a successor. */
export async function* paged<T>(
  options: PageOptions,
  fetchPage: (pageSize: number, pageToken: string) => Promise<Page<T>>,
): AsyncGenerator<T, void, void> {
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let pageToken = '';
  while (left > 0) {
    const page = await fetchPage(Math.min(options.pageSize ?? 500, left), pageToken);
    for (const item of page.items) {
      yield item;
      if (--left <= 0) return;
    }
    if (page.nextPageToken === '') return;
    pageToken = page.nextPageToken;
  }
}

/** Returns the order of a listing in the form of messages. Default: the newest first. */
export function orderOf({ order }: PageOptions): ListOrder {
  return order === 'oldest' ? ListOrder.OLDEST_FIRST : ListOrder.NEWEST_FIRST;
}
