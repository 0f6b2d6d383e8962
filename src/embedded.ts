/** Opens the store in this process: the one file that knows which index and which blobs it is made of. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openDiskBlobs } from './blobs/disk.ts';
import { syncDirectory } from './blobs/files.ts';
import { Failure } from './domain/errors.ts';
import { openLevelIndex } from './index/leveldb.ts';
import { openStore, type Store } from './store/open.ts';

export interface EmbeddedOptions {
  /** Absolute. Made if absent, open to its owner only: `index/`, `index.mark`, `blobs/`, `tmp/`, `run/`. */
  readonly dataDir: string;
  /** In bytes. */
  readonly artifactBytesMax: number;
  /** In bytes. */
  readonly inlineBytesMax: number;
  /** Told what an operator should know and nobody else is told. */
  readonly warn: (message: string) => void;
}

export interface Embedded {
  readonly store: Store;
  /** Calls must have ended. */
  close(): Promise<void>;
}

/**
 * @throws Failure STORE_UNAVAILABLE with metadata `lock: 'held'` if another process has the directory open, and
 * without if it cannot be used; DATA_LOSS if what is there is damaged.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir, warn } = options;
  await makeDataDir(dataDir);
  const index = await openLevelIndex({
    directory: join(dataDir, 'index'),
    markPath: join(dataDir, 'index.mark'),
    warn,
  }).catch((error: unknown) => {
    throw isLocked(error) ? lockedBy(dataDir, error) : error;
  });
  try {
    const store = await openStore({
      index,
      blobs: await openDiskBlobs({ root: dataDir }),
      artifactBytesMax: options.artifactBytesMax,
      inlineBytesMax: options.inlineBytesMax,
    });
    return { store, close: async () => store[Symbol.asyncDispose]() };
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** True if the store could not be opened because another process has it open. */
export function isLocked(error: unknown): boolean {
  return error instanceof Failure && error.metadata.lock === 'held';
}

function lockedBy(dataDir: string, cause: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', `another process has the data directory open: ${dataDir}`, {
    metadata: { lock: 'held' },
    cause,
  });
}

/** The entries of what was made are durable: what is then written below them must not vanish with them. */
async function makeDataDir(dataDir: string): Promise<void> {
  try {
    const created = await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if (created === undefined) return;
    await chmod(dataDir, 0o700);
    for (let path = dataDir; path.length >= created.length; path = dirname(path)) {
      await syncDirectory(dirname(path));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('STORE_UNAVAILABLE', `the data directory cannot be used: ${dataDir}: ${reason}`, {
      cause: error,
    });
  }
}
