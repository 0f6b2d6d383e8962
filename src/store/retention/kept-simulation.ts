/** The sessions that would be among the last few if all sessions that a filter finds got a retention: for dry runs. */

import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { Budget } from '../../domain/load/budget.ts';
import type { Principal } from '../../domain/principal.ts';
import { keptKind, type Retention } from '../../domain/retention.ts';
import type { Session } from '../../domain/session.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { KeptSession } from '../../index/records.ts';
import type { Listing } from '../queries/listing.ts';
import { bySeal, type KeptLists, keptKey } from '../sessions/kept-sessions.ts';

interface Simulation {
  readonly filter: string;
  readonly retention: Retention;
  /** The sessions that the dry run will ask about. */
  readonly found: readonly Session[];
}

/**
 * Returns the lists of the kinds of some sessions. A session that is on a list now and that the filter does not find
 * keeps its place.
 *
 * @throws Failure INVALID_ARGUMENT if the filter finds too many sessions of a kind.
 */
export async function simulatedLists(
  index: Index,
  listing: Listing,
  by: Principal,
  { filter, retention, found }: Simulation,
): Promise<KeptLists> {
  const lists: KeptLists = new Map();
  const { keepLast } = retention;
  if (keepLast === undefined) return lists;
  const values = new Set(
    found.flatMap(({ metadata }) =>
      metadata.filter(([key]) => key === keepLast.metadataKey).map(([, value]) => value),
    ),
  );
  const budget = new Budget({ limit: limits.queryTouchesMax });
  for (const value of values) {
    const kind = { outcomes: keepLast.outcomes.join(' '), metadataKey: keepLast.metadataKey, value };
    const stored = await index.get(keys.sessions.kept.key(...keptKey(by.namespace, kind)));
    const list = new Map<string, KeptSession>(
      (stored === undefined ? [] : keys.sessions.kept.decode(stored).sessions).map((one) => [one.uid, one]),
    );
    const one = `metadata.${JSON.stringify(keepLast.metadataKey)} = ${JSON.stringify(value)}`;
    const narrowed = filter.trim() === '' ? one : `(${filter}) AND ${one}`;
    for (let pageToken = ''; ; ) {
      const page = await listing.sessions(by, {
        filter: narrowed,
        oldestFirst: false,
        pageSize: limits.pageSizeMax,
        pageToken,
      });
      for (const session of page.items) {
        const { outcome, sealTime, uid, metadata } = session;
        if (outcome === undefined || sealTime === undefined) continue;
        if (keptKind(retention, outcome, metadata) !== undefined)
          list.set(uid, { uid: uid as KeptSession['uid'], sealTime });
      }
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
      budget.spend('records', limits.pageSizeMax);
      if (budget.isSpent)
        throw invalid(
          'filter',
          'must find fewer sessions for a dry run with keep_last: narrow it, e.g. by time',
        );
    }
    lists.set(kind, [...list.values()].sort(bySeal).slice(-keepLast.count));
  }
  return lists;
}
