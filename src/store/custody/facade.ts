import type { Store } from '../open.ts';

/**
 * A store whose members are those of whatever store is open when they are asked for.
 *
 * @param open fails while none is. @param dispose what disposing it does.
 */
export function facadeOf(open: () => Store, dispose: () => Promise<void>): Store {
  return {
    now: () => open().now(),
    get uploads() {
      return open().uploads;
    },
    get artifacts() {
      return open().artifacts;
    },
    get downloads() {
      return open().downloads;
    },
    get readings() {
      return open().readings;
    },
    get listing() {
      return open().listing;
    },
    get usage() {
      return open().usage;
    },
    get lineage() {
      return open().lineage;
    },
    get comparison() {
      return open().comparison;
    },
    watch: (by, request, signal) => open().watch(by, request, signal),
    endWatches: () => open().endWatches(),
    get sessions() {
      return open().sessions;
    },
    get seals() {
      return open().seals;
    },
    get namespaces() {
      return open().namespaces;
    },
    get apiKeys() {
      return open().apiKeys;
    },
    get tokenKey() {
      return open().tokenKey;
    },
    get recovered() {
      return open().recovered;
    },
    get blobs() {
      return open().blobs;
    },
    get space() {
      return open().space;
    },
    get reaper() {
      return open().reaper;
    },
    get policies() {
      return open().policies;
    },
    get links() {
      return open().links;
    },
    get shared() {
      return open().shared;
    },
    get pauses() {
      return open().pauses;
    },
    get collection() {
      return open().collection;
    },
    get scrub() {
      return open().scrub;
    },
    get quarantined() {
      return open().quarantined;
    },
    [Symbol.asyncDispose]: dispose,
  };
}
