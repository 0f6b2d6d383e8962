/**
 * The index with announcements: it calls a listener when something about a session is durable, for all who watch
 * sessions.
 */
import { failedWith } from '../../domain/errors.ts';
import type { Index, Transaction } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Key, Write } from '../../index/row.ts';

/** Called after the fact, and possibly too often; the truth is in the index. */
export interface Listener {
  /** An event was added to the feed of a session. */
  fed(ns: string, uid: string): void;
  /** A session id names a session, or ceases to name one. */
  named(ns: string, id: string): void;
}

const nothing: ReadonlyMap<string, Write> = new Map();

/** Returns `index`, with calls to `listener` about what its transactions have written. */
export function announcing(index: Index, listener: Listener): Index {
  const tell = (written: ReadonlyMap<string, Write>) => {
    for (const { key } of written.values()) announce(listener, key);
  };
  return {
    transact: async <T>(transaction: Transaction<T>): Promise<T> => {
      let written: ReadonlyMap<string, Write> = nothing;
      try {
        const { ns, queue, bytesHint } = transaction;
        return await index.transact<T>({
          ns,
          ...(queue === undefined ? {} : { queue }),
          ...(bytesHint === undefined ? {} : { bytesHint }),
          get reads() {
            return transaction.reads;
          },
          *decide(tx) {
            const result = yield* transaction.decide(tx);
            written = tx.written;
            return result;
          },
        });
      } catch (error) {
        // If the outcome is not known, it may become known when the index is opened again.
        if (written.size > 0 && failedWith(error, 'STORE_UNAVAILABLE'))
          void index.nextEpoch().then(() => tell(written));
        throw error;
      } finally {
        tell(written);
      }
    },
    get: (key) => index.get(key),
    getMany: (wanted) => index.getMany(wanted),
    cached: index.cached,
    scan: (range) => index.scan(range),
    snapshot: () => index.snapshot(),
    compact: (range) => index.compact(range),
    now: () => index.now(),
    get trouble() {
      return index.trouble;
    },
    get isReadable() {
      return index.isReadable;
    },
    get epoch() {
      return index.epoch;
    },
    nextEpoch: () => index.nextEpoch(),
    owners: index.owners,
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
