/** Stores that can be closed and opened again over what they left, in memory and on disk. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import type { Index } from '../../src/index/door.ts';
import { openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import type { StoreOptions } from '../../src/store/open.ts';
import { removeDirectory } from './directories.ts';
import { openCheckedStore } from './row-owners.ts';
import { startOfTime, type TestStore } from './service.ts';

export const kinds = ['memory', 'disk'] as const;
type Kind = (typeof kinds)[number];

type Parts = { readonly index: Index; readonly blobs: BlobStore };
type Clock = { now: number };

/** What outlives the store that was opened over it. */
export interface Remains extends AsyncDisposable {
  readonly clock: Clock;
  /** Of a store on disk. */
  readonly directory: string | undefined;
  /** Opens the index and the blobs alone. */
  parts(): Promise<Parts>;
  /** Opens a store, over its own blobs or what `around` makes of them. The one before must be closed. */
  open(
    options?: Omit<Partial<StoreOptions>, 'index' | 'blobs'>,
    around?: (blobs: BlobStore) => BlobStore,
  ): Promise<TestStore>;
}

/** Nothing yet, of either kind. Disposing it removes what is on disk. */
export async function beginning(kind: Kind): Promise<Remains> {
  const clock: Clock = { now: startOfTime };
  const { parts, directory } = kind === 'memory' ? inMemory(clock) : await onDisk(clock);
  return {
    clock,
    directory,
    parts,
    open: async (options = {}, around = (blobs) => blobs) => {
      const { index, blobs: inner } = await parts();
      const blobs = around(inner);
      try {
        const store = await openCheckedStore({ ...options, index, blobs });
        return { store, index, blobs, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
      } catch (error) {
        await index.close();
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (directory !== undefined) removeDirectory(directory);
    },
  };
}

function inMemory(clock: Clock) {
  const rows = new MemoryRows();
  const blobs = openMemoryBlobs();
  const parts = async () => ({ index: await openMemoryIndex({ clock: () => clock.now, rows }), blobs });
  return { parts, directory: undefined };
}

async function onDisk(clock: Clock) {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-store-'));
  const parts = async () => ({
    index: await openLevelIndex({
      directory: join(directory, 'index'),
      markPath: join(directory, 'index.mark'),
      clock: () => clock.now,
    }),
    blobs: await openDiskBlobs({ root: directory }),
  });
  return { parts, directory };
}
