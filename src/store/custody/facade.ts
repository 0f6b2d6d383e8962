import type { Store } from '../open.ts';

/** The members that the facade looks up each time, and does not call. */
type Member = Exclude<keyof Store, 'now' | 'watch' | 'endWatches' | typeof Symbol.asyncDispose>;

const members: Readonly<Record<Member, true>> = {
  uploads: true,
  artifacts: true,
  downloads: true,
  readings: true,
  listing: true,
  links: true,
  shared: true,
  usage: true,
  lineage: true,
  comparison: true,
  sessions: true,
  seals: true,
  namespaces: true,
  apiKeys: true,
  tokenKey: true,
  blobs: true,
  space: true,
  pauses: true,
  policies: true,
  reaper: true,
  collection: true,
  scrub: true,
  quarantined: true,
  recovered: true,
};

/**
 * Returns a store whose members are those of the store that is open at the time of each use.
 *
 * @param open fails while no store is open. @param dispose the action of disposing the facade.
 */
export function facadeOf(open: () => Store, dispose: () => Promise<void>): Store {
  const calls: Pick<Store, 'now' | 'watch' | 'endWatches' | typeof Symbol.asyncDispose> = {
    now: () => open().now(),
    watch: (by, request, signal) => open().watch(by, request, signal),
    endWatches: () => open().endWatches(),
    [Symbol.asyncDispose]: dispose,
  };
  for (const member of Object.keys(members) as Member[])
    Object.defineProperty(calls, member, { get: () => open()[member], enumerable: true });
  return calls as Store;
}
