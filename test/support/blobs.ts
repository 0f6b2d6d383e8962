/** Real blob stores that fail, wait or count when a test says so. */
import { Buffer } from 'node:buffer';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';

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
export function gatedBlobs(inner: BlobStore): {
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

/** Real blobs in memory, of which a test damages some. */
export async function spoilableBlobs(): Promise<{
  readonly blobs: BlobStore;
  /** Puts other bytes in the place of those that are stored under a name. */
  readonly spoil: (name: string, change: (bytes: Uint8Array) => Uint8Array) => Promise<void>;
}> {
  const sound = openMemoryBlobs();
  const spoilt = openMemoryBlobs();
  const names = new Set<string>();
  const of = (name: string) => (names.has(name) ? spoilt : sound);
  const blobs = withBlobs(sound, {
    read: (name, ...part) => of(name).read(name, ...part),
    stat: (name) => of(name).stat(name),
  });
  const spoil = async (name: string, change: (bytes: Uint8Array) => Uint8Array) => {
    const { sizeBytes } = (await sound.stat(name))!;
    const bytes = Buffer.concat(await Array.fromAsync(sound.read(name, 0, sizeBytes)));
    await spoilt.prepareNamespace(name.split('/')[0]!);
    await using staged = await spoilt.stage(name);
    await staged.write(change(bytes));
    await staged.commit();
    names.add(name);
  };
  return { blobs, spoil };
}
