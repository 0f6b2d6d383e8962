/** The index on LevelDB: one process, one machine, durable. The contract is in `door.ts`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { Failure } from '../../domain/errors.ts';
import { afterRealTime } from '../../domain/timer.ts';
import { IndexDamaged } from '../damage.ts';
import type { Index } from '../door.ts';
import type { Database, DatabaseReader } from '../engine/database.ts';
import { openEngine } from '../engine/engine.ts';
import type { OpeningOptions } from '../engine/options.ts';
import { makePrivate } from '../files.ts';
import { openMark } from '../mark.ts';
import type { Key, Range } from '../row.ts';
import { lacksRoom, troubleOf } from '../trouble.ts';
import { Ballast } from './ballast.ts';
import { Batches } from './batches.ts';
import type { LockWatch } from './lock-watch.ts';
import { obviousDamage } from './logs.ts';
import { probeDisk } from './probe.ts';
import { openShadow, shadowPlaces } from './shadow.ts';
import { listTables, TableCheck } from './tables.ts';

/** The sizes for LevelDB, whose own defaults are for a few megabytes of data. */
interface LevelTuning {
  /** The bytes of blocks of tables, uncompressed, that are kept in memory. Default 64 MiB. */
  readonly cacheBytes?: number;
  /**
   * The bytes of written rows that are gathered in memory before they become a table; up to twice this is in memory. Default
   * 32 MiB.
   */
  readonly writeBufferBytes?: number;
  /** The size of a table. Default 16 MiB. */
  readonly tableBytes?: number;
}

/** The settings for opening a database. */
interface LevelOptions extends LevelTuning {
  /** Watches the lock; after a loss nothing is opened and no batch is written. Default: nothing watches it. */
  readonly locks?: LockWatch | undefined;
}

/** The place of the index, and its parts and settings. */
export interface LevelIndexOptions extends LevelOptions, OpeningOptions {
  /**
   * The directory of the database, which is made if necessary. It may contain nothing else except the files that this
   * folder puts there.
   */
  readonly directory: string;
  /** Path of the high-water mark, outside {@link directory}. */
  readonly markPath: string;
  /**
   * The bytes of tables that are checked before this opens, newest first; the rest is checked while it serves. Default
   * 64 MiB, which takes a tenth of a second if the tables are in memory.
   */
  readonly checkedBytesFirst?: number;
  /**
   * The places for the files that reads alone need if nothing can be written to {@link directory}. Default
   * {@link shadowPlaces}.
   */
  readonly shadowPlaces?: readonly string[];
  /** The most room that is kept back for the index. Default 0: no more than was kept back before. */
  readonly ballastBytesMax?: number;
  /** Opens the database. Default {@link openLevelDatabase}. */
  readonly openDatabase?: (directory: string, options: LevelOptions) => Promise<Database>;
}

const MiB = 1024 * 1024;
/** LevelDB's iterators stop after 16 KiB by default. */
const scanBytes = MiB;

/** The functions that `level` has on Node only; its types leave them out, since they are for browsers too. */
export type ByteLevel = Level<Uint8Array, Uint8Array> & {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
};
/** Likewise. */
const repairable = Level as typeof Level & { repair(directory: string): Promise<void> };
type LevelSnapshot = ReturnType<ByteLevel['snapshot']>;

/**
 * Opens the index, and creates it if it does not exist.
 *
 * Fails with {@link IndexDamaged} if commits are missing or LevelDB's files are damaged, and with `STORE_UNAVAILABLE`
 * if it cannot be opened; the metadata then says `lock: 'held'` if another process has it open.
 */
export async function openLevelIndex(options: LevelIndexOptions): Promise<Index> {
  const { directory, markPath, openDatabase = openLevelDatabase, checkedBytesFirst, ...engine } = options;
  const told = { after: engine.after ?? afterRealTime, warn: engine.warn ?? (() => undefined) };
  const isFrozen = () => engine.locks?.isLost === true;
  const mark = await openMark({ path: markPath, isFrozen, ...told });
  const ballast = new Ballast({ directory, bytesMax: options.ballastBytesMax ?? 0, ...told });
  const known = { lastCommit: mark.seq };
  const check = await lookAtFiles(directory, mark.seq > 0).then(
    ({ damage, tables }) => {
      if (damage !== undefined) throw new IndexDamaged(`the index is damaged: ${damage}`, known);
      return new TableCheck(tables, checkedBytesFirst ?? 64 * MiB);
    },
    (error: unknown) => {
      throw openingFailure(directory, error);
    },
  );
  const opened = async (database: Database) => {
    // Not before LevelDB has the lock: another process may be changing the files.
    try {
      const found = await check.first();
      if (found !== undefined) throw new IndexDamaged(`the index is damaged: ${found}`, known);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  };
  const index = await openEngine({
    probe: async () => {
      options.locks?.beforeBatch();
      await withBallast(ballast, () => probeDisk(directory));
    },
    ...engine,
    mark,
    onClose: () => ballast.close(),
    openDatabase: async () => opened(await withBallast(ballast, () => openDatabase(directory, options))),
    openForReads: async () => {
      // The lock of the copy excludes no other process: if the lock of the directory is lost, the index belongs to
      // another process.
      options.locks?.beforeBatch();
      const unwatched = { ...options, locks: undefined };
      const places = options.shadowPlaces ?? shadowPlaces();
      const shadow = await openShadow(directory, places, (path) => openLevelDatabase(path, unwatched));
      check.keepOnly(shadow.files);
      return await opened(shadow.database);
    },
    inspect: async (signal) => {
      const found = await check.rest(signal, engine.after ?? afterRealTime);
      return found === undefined ? undefined : new IndexDamaged(`the index is damaged: ${found}`, known);
    },
  });
  ballast.keep();
  return index;
}

/** Runs `work`. If it had no room, gives up the ballast and runs it once more. */
async function withBallast<T>(ballast: Ballast, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!lacksRoom(error) || !(await ballast.giveUp())) throw error;
    return await work();
  }
}

async function lookAtFiles(directory: string, wasUsed: boolean) {
  const damage = await obviousDamage(directory, wasUsed);
  return { damage, tables: await listTables(directory) };
}

/** Opens the database alone, unchecked. */
export async function openLevelDatabase(directory: string, options: LevelOptions = {}): Promise<Database> {
  const { locks, ...tuning } = options;
  // An opening writes, too.
  locks?.beforeBatch();
  await makePrivate(directory).catch((error: unknown) => {
    throw openingFailure(directory, error);
  });
  const level = new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: tuning.cacheBytes ?? 64 * MiB,
    writeBufferSize: tuning.writeBufferBytes ?? 32 * MiB,
    maxFileSize: tuning.tableBytes ?? 16 * MiB,
  }) as ByteLevel;
  try {
    await level.open();
  } catch (error) {
    throw openingFailure(directory, error);
  }
  const dropped = await readDropped(directory).catch(async (error: unknown) => {
    await level.close();
    throw openingFailure(directory, error);
  });
  await locks?.add(directory);
  const batches = new Batches(level);
  return {
    ...readerOf(level),
    dropped,
    snapshot() {
      const snapshot = guarded(() => level.snapshot());
      return { ...readerOf(level, snapshot), close: () => snapshot.close() };
    },
    async batch(writes) {
      locks?.beforeBatch();
      await batches.write(writes, { sync: true });
    },
    compact: ({ gte, lt }) => level.compactRange(gte, lt).catch(rethrow),
    async close() {
      locks?.remove(directory);
      await level.close();
    },
  };
}

/** Restores of damaged files what LevelDB can restore. */
export async function repairFiles(directory: string): Promise<void> {
  await repairable.repair(directory);
}

function readerOf(level: ByteLevel, snapshot?: LevelSnapshot): DatabaseReader {
  const at = snapshot === undefined ? {} : { snapshot };
  return {
    getSync: (key) => {
      try {
        // Without options, level has none to copy.
        return snapshot === undefined ? level.getSync(key) : level.getSync(key, { snapshot });
      } catch (error) {
        return rethrow(error);
      }
    },
    getMany: (keys) => level.getMany(keys as Key[], at).catch(rethrow),
    iterator: ({ gte, lt, reverse = false, limit = -1 }: Range) => {
      const iterator = guarded(() =>
        level.iterator({ ...at, gte, lt, reverse, limit, highWaterMarkBytes: scanBytes }),
      );
      return { nextv: (size) => iterator.nextv(size).catch(rethrow), close: () => iterator.close() };
    },
  };
}

/**
 * Returns the lines of LevelDB's `LOG` about records that it could not read when it was opened; it reports them nowhere
 * else. The file starts again at every opening. (`LOCK` must never be read: closing it would release the lock.)
 */
async function readDropped(directory: string): Promise<string[]> {
  const log = await readFile(join(directory, 'LOG'), 'utf8');
  return log.split('\n').filter((line) => /dropping \d+ bytes|ignoring error/i.test(line));
}

function guarded<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    return rethrow(error);
  }
}

function rethrow(error: unknown): never {
  if (codeOf(error) === 'LEVEL_CORRUPTION') throw corruption(error);
  throw new Failure('STORE_UNAVAILABLE', 'the index could not be read', {
    cause: error,
    retryAfterMs: 1_000,
  });
}

function corruption(error: unknown): Failure {
  return new Failure('DATA_LOSS', `the index is damaged: ${String(error)}`, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

function openingFailure(directory: string, error: unknown): Failure {
  const cause = (error as Error).cause;
  if (codeOf(cause) === 'LEVEL_CORRUPTION')
    return new IndexDamaged(`the index is damaged: ${String(cause)}`, {}, cause);
  if (codeOf(cause) === 'LEVEL_LOCKED') {
    return new Failure('STORE_UNAVAILABLE', `another process has the index open: ${directory}`, {
      metadata: { lock: 'held' },
      cause,
    });
  }
  return new Failure(
    'STORE_UNAVAILABLE',
    `the index could not be opened: ${directory}: ${troubleOf(error)}: ${String(cause ?? error)}`,
    {
      cause: error,
    },
  );
}
