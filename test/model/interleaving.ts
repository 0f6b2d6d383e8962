/** An index and a blob store each call of which waits for its turn: a scheduler decides who goes on. */
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import type { CachedReader, Index } from '../../src/index/door.ts';
import type { Range } from '../../src/index/row.ts';

/** Resolves when whoever has come to `what` may go on. */
type Turn = (what: string) => Promise<unknown>;

export function interleavedIndex(index: Index, turn: Turn): Index {
  return {
    ...interleavedReader(index, turn),
    transact: async (transaction) => {
      await turn('transact');
      const result = await index.transact(transaction);
      await turn('committed');
      return result;
    },
    snapshot: () => {
      const snapshot = index.snapshot();
      return {
        ...interleavedReader(snapshot, turn),
        list: async function* (list, range) {
          await turn('list');
          for await (const block of snapshot.list(list, range)) {
            yield block;
            await turn('list on');
          }
        },
        examine: (range) => snapshot.examine(range),
        [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose](),
      };
    },
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

function interleavedReader(reader: CachedReader, turn: Turn): CachedReader {
  return {
    get: async (key) => {
      await turn('get');
      return await reader.get(key);
    },
    getMany: async (keys) => {
      await turn('getMany');
      return await reader.getMany(keys);
    },
    cached: {
      getMany: async (keys) => {
        await turn('getMany');
        return await reader.cached.getMany(keys);
      },
    },
    scan: async function* (range: Range) {
      await turn('scan');
      for await (const block of reader.scan(range)) {
        yield block;
        await turn('scan on');
      }
    },
  };
}

export function interleavedBlobs(blobs: BlobStore, turn: Turn): BlobStore {
  return {
    prepareNamespace: (internalId) => blobs.prepareNamespace(internalId),
    stage: async (name) => {
      const staged = await blobs.stage(name);
      return {
        name,
        get bytesWritten() {
          return staged.bytesWritten;
        },
        write: (bytes) => staged.write(bytes),
        commit: async () => {
          await turn('publish');
          const version = await staged.commit();
          await turn('published');
          return version;
        },
        discard: () => staged.discard(),
        [Symbol.asyncDispose]: () => staged[Symbol.asyncDispose](),
      };
    },
    read: async function* (name, offset, length, signal, generation) {
      await turn('read');
      yield* blobs.read(name, offset, length, signal, generation);
    },
    stat: async (name, generation) => {
      await turn('stat');
      return await blobs.stat(name, generation);
    },
    ...(blobs.uploadUrl === undefined
      ? {}
      : {
          uploadUrl: async (...what) => {
            await turn('begin');
            return await blobs.uploadUrl!(...what);
          },
        }),
    delete: async (name, generation) => {
      await turn('unlink');
      await blobs.delete(name, generation);
      await turn('unlinked');
    },
    list: async function* (internalId, shard) {
      yield* blobs.list(internalId, shard);
    },
    space: () => blobs.space(),
    removeStale: () => blobs.removeStale(),
    get stagedCount() {
      return blobs.stagedCount;
    },
    get stagedBytes() {
      return blobs.stagedBytes;
    },
  };
}
