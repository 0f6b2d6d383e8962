/** The index in memory, which ends with the process. The double for tests; the contract is in `door.ts`. */
import { randomBytes } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import type { Index } from '../door.ts';
import type { Database } from '../engine/database.ts';
import { openEngine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/options.ts';
import { MemoryRows } from './rows.ts';

/** The first rows of the index, and its parts and settings. */
export interface MemoryIndexOptions
  extends Pick<
    EngineOptions,
    'clock' | 'random' | 'after' | 'warn' | 'onDamage' | 'onTrouble' | 'onLanded' | 'probe'
  > {
  /** The rows "on disk". Pass the same object again to reopen. Default: no rows. */
  readonly rows?: MemoryRows;
  /**
   * Called before each batch; these are numbered from 1. Returns whether the batch fails, and whether it is written all
   * the same, as can happen with a disk. Default: no batch fails.
   */
  readonly failAt?: (batch: number) => 'unwritten' | 'written' | undefined;
  /** Every read of a decision takes a turn of the event loop, as in a database on another machine. Default false. */
  readonly readsWait?: boolean;
  /** Opens the database. Default: on {@link rows} with {@link failAt} and {@link readsWait}. */
  readonly openDatabase?: () => Promise<Database>;
}

/**
 * Opens the index. About every second decision runs twice, and the second run counts, so that a decision that is not
 * pure shows.
 */
export function openMemoryIndex(options: MemoryIndexOptions = {}): Promise<Index> {
  const { rows = new MemoryRows(), failAt = () => undefined, readsWait, ...engine } = options;
  const random = options.random ?? randomBytes;
  let batches = 0;
  return openEngine({
    openDatabase: async () => openMemoryDatabase(rows, { failure: () => failAt(++batches), readsWait }),
    ...engine,
    random,
    runTwice: () => (random(1)[0]! & 1) === 1,
  });
}

/** The behavior of a database in memory. */
interface MemoryDatabaseOptions {
  /** Called before each batch. Default: none fails. See {@link MemoryIndexOptions.failAt}. */
  readonly failure?: () => 'unwritten' | 'written' | undefined;
  /** See {@link MemoryIndexOptions.readsWait}. */
  readonly readsWait?: boolean | undefined;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Opens the database alone. */
export function openMemoryDatabase(
  rows: MemoryRows,
  { failure = () => undefined, readsWait = false }: MemoryDatabaseOptions = {},
): Database {
  let isOpen = true;
  const guarded = <T>(operation: () => T): T => {
    if (isOpen) return operation();
    throw new Failure('STORE_UNAVAILABLE', 'the index could not be read', { retryAfterMs: 1_000 });
  };
  const reader = (at?: number) => ({
    ...(readsWait ? {} : { getSync: (key: Uint8Array) => guarded(() => rows.get(key, at)) }),
    getMany: async (wanted: readonly Uint8Array[]) => {
      const found = guarded(() => wanted.map((key) => rows.get(key, at)));
      if (readsWait) await nextTurn();
      return guarded(() => found);
    },
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
      await nextTurn();
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
