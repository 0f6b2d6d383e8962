/** The index in memory: gone with the process. The double for tests; the contract is in `door.ts`. */
import { randomBytes } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import type { Index } from '../door.ts';
import type { Database } from '../engine/database.ts';
import { type EngineOptions, openEngine } from '../engine/engine.ts';
import { MemoryRows } from './rows.ts';

export interface MemoryIndexOptions
  extends Pick<EngineOptions, 'clock' | 'random' | 'after' | 'warn' | 'onDamage'> {
  /** What is "on disk". Pass the same again to reopen. Default: nothing. */
  readonly rows?: MemoryRows;
  /**
   * Asked before each batch, which are numbered from 1: whether it fails, and whether it is written all the same,
   * as can happen to a disk. Default: never.
   */
  readonly failAt?: (batch: number) => 'unwritten' | 'written' | undefined;
  /** Opens the database. Default: on {@link rows} with {@link failAt}. */
  readonly openDatabase?: () => Promise<Database>;
}

/**
 * Opens the index. Every other transaction or so is run twice and the second run counts, so that a `decide` which is
 * not pure shows.
 */
export function openMemoryIndex(options: MemoryIndexOptions = {}): Promise<Index> {
  const { rows = new MemoryRows(), failAt = () => undefined, ...engine } = options;
  const random = options.random ?? randomBytes;
  let batches = 0;
  return openEngine({
    openDatabase: async () => openMemoryDatabase(rows, () => failAt(++batches)),
    ...engine,
    random,
    runTwice: () => (random(1)[0]! & 1) === 1,
  });
}

/** Opens the database alone. */
export function openMemoryDatabase(
  rows: MemoryRows,
  failure: () => 'unwritten' | 'written' | undefined = () => undefined,
): Database {
  let isOpen = true;
  const guarded = <T>(operation: () => T): T => {
    if (isOpen) return operation();
    throw new Failure('STORE_UNAVAILABLE', 'the index could not be read', { retryAfterMs: 1_000 });
  };
  const reader = (at?: number) => ({
    getSync: (key: Uint8Array) => guarded(() => rows.get(key, at)),
    getMany: async (keys: readonly Uint8Array[]) => guarded(() => keys.map((key) => rows.get(key, at))),
  });
  return {
    ...reader(),
    dropped: [],
    iterator: (range) => guarded(() => rows.iterator(range, guarded)),
    snapshot: () =>
      guarded(() => {
        const at = rows.retain();
        return {
          ...reader(at),
          iterator: (range) => guarded(() => rows.iterator(range, guarded, at)),
          close: async () => rows.release(at),
        };
      }),
    batch: async (writes) => {
      // A disk answers later, too.
      await new Promise((resolve) => setImmediate(resolve));
      guarded(() => undefined);
      const failed = failure();
      if (failed !== 'unwritten') rows.write(writes);
      if (failed !== undefined) throw new Error(`a batch that fails on request, ${failed}`);
    },
    compact: async () => guarded(() => undefined),
    close: async () => {
      isOpen = false;
    },
  };
}
