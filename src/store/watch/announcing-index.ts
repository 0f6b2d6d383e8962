/** The index, with a bell: whoever watches sessions is told when something about one is durable. */
import type { Index, Transaction } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key, Write } from '../../index/row.ts';

/** Told after the fact, and possibly too often; what is true is in the index. */
export interface Listener {
  /** Something was added to the feed of a session. */
  fed(ns: string, uid: string): void;
  /** A session id names something, or names it no longer. */
  named(ns: string, id: string): void;
}

/** `index`, telling `listener` what its transactions have written. */
export function announcing(index: Index, listener: Listener): Index {
  return {
    transact: async <T>(transaction: Transaction<T>): Promise<T> => {
      let written: Iterable<Write> = [];
      try {
        return await index.transact<T>({
          ...transaction,
          *decide(tx) {
            const result = yield* transaction.decide(tx);
            written = tx.written.values();
            return result;
          },
        });
      } finally {
        // Also where the outcome is not known.
        for (const { key } of written) announce(listener, key);
      }
    },
    get: (key) => index.get(key),
    getMany: (wanted) => index.getMany(wanted),
    scan: (range) => index.scan(range),
    snapshot: () => index.snapshot(),
    compact: (range) => index.compact(range),
    now: () => index.now(),
    get epoch() {
      return index.epoch;
    },
    get stats() {
      return index.stats;
    },
    get waiting() {
      return index.waiting;
    },
    close: () => index.close(),
    [Symbol.asyncDispose]: () => index[Symbol.asyncDispose](),
  };
}

function announce(listener: Listener, key: Key): void {
  if (key[0] === keys.artifacts.feed.code) {
    const [ns, uid] = keys.artifacts.feed.parse(key);
    listener.fed(ns, uid);
  } else if (key[0] === keys.sessions.name.code) {
    listener.named(...keys.sessions.name.parse(key));
  }
}
