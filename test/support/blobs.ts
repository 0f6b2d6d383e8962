/** Real blob stores that fail, wait or count when a test says so. */
import type { BlobStore } from '../../src/blobs/blob-store.ts';

/** `inner` with some of its methods replaced. */
export function withBlobs(inner: BlobStore, changes: Partial<Omit<BlobStore, 'stagedCount'>>): BlobStore {
  return {
    prepareNamespace: (internalId) => inner.prepareNamespace(internalId),
    stage: (name) => inner.stage(name),
    read: (...args) => inner.read(...args),
    stat: (name) => inner.stat(name),
    delete: (name) => inner.delete(name),
    list: (internalId) => inner.list(internalId),
    removeStale: () => inner.removeStale(),
    space: () => inner.space(),
    ...changes,
    get stagedCount() {
      return inner.stagedCount;
    },
  };
}

/** Counts the blobs that are being staged, and stages none before `gate` opens. */
export function heldBlobs(inner: BlobStore): {
  readonly blobs: BlobStore;
  /** How many wait at the gate or have passed it. */
  readonly arrived: () => number;
  /** Closed at first: nobody waits until it is. */
  readonly close: () => void;
  readonly open: () => void;
} {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let arrived = 0;
  const blobs = withBlobs(inner, {
    stage: async (name) => {
      arrived++;
      await gate.promise;
      return await inner.stage(name);
    },
  });
  return {
    blobs,
    arrived: () => arrived,
    close: () => {
      gate = Promise.withResolvers<void>();
    },
    open: () => gate.resolve(),
  };
}
