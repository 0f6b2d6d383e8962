/** Reads durable rows and checks every row. */
import { Buffer } from 'node:buffer';
import { Failure } from '../../domain/errors.ts';
import { textOf } from '../bytes.ts';
import { doorLimits, type Examined, type Reader, type Snapshot } from '../door.ts';
import type { Listed } from '../listed.ts';
import type { Entry, Key, Range, Value } from '../row.ts';
import { blockSizes } from './block-sizes.ts';
import type { DatabaseReader, DatabaseSnapshot, StoredValue } from './database.ts';
import { listEntries } from './list-reader.ts';
import type { CacheView, RowView } from './row-cache.ts';
import { decodeRow } from './stored-row.ts';

/**
 * Up to this many keys are looked up on the calling thread: a hop to the thread pool costs more than that many rows in
 * the cache. With more keys, the time on the calling thread would matter.
 */
const syncKeysMax = 16;

/** Returns the value of a row; undefined if it does not exist. @throws Failure DATA_LOSS. */
export async function readRow(database: DatabaseReader, key: Key): Promise<Value | undefined> {
  return (await readRows(database, [key]))[0];
}

/** Returns one value (or undefined) for each key, in the order of the keys. @throws Failure DATA_LOSS. */
export async function readRows(
  database: DatabaseReader,
  keys: readonly Key[],
): Promise<(Value | undefined)[]> {
  if (database.getSync !== undefined && keys.length <= syncKeysMax)
    return keys.map((key) => readRowNow(database as SyncReader, key));
  const stored = await database.getMany(keys);
  return stored.map((row, at) => (row === undefined ? undefined : decodeRow(keys[at]!, row)));
}

/** As {@link readRows}, with rows in memory. */
export async function readCached(
  database: DatabaseReader,
  keys: readonly Key[],
  cache: RowView,
): Promise<(Value | undefined)[]> {
  const texts = keys.map(textOf);
  const values = texts.map((text) => cache.find(text));
  if (!values.includes(undefined)) return values;
  const absent = values.flatMap((value, at) => (value === undefined ? [at] : []));
  const wanted = absent.map((at) => keys[at]!);
  for (const [order, value] of (await readRows(database, wanted)).entries()) {
    const at = absent[order]!;
    values[at] = value;
    if (value !== undefined) cache.keep(texts[at]!, value);
  }
  return values;
}

/** A reader whose reads need not wait. */
export type SyncReader = DatabaseReader & Required<Pick<DatabaseReader, 'getSync'>>;

/** As {@link readRow}, without waiting. */
export function readRowNow(database: SyncReader, key: Key): Value | undefined {
  const stored = database.getSync(key);
  return stored === undefined ? undefined : decodeRow(key, stored);
}

/**
 * Yields the blocks of a range, at the instant of the first one. Everything that was opened is closed however the
 * consumer ends.
 */
export async function* scanRows(
  database: DatabaseReader | Promise<DatabaseReader>,
  range: Range,
): AsyncGenerator<readonly Entry[]> {
  const iterator = (await database).iterator(range);
  try {
    for (const size of blockSizes(range)) {
      const stored = await iterator.nextv(size);
      if (stored.length === 0) return;
      yield stored.map(([key, row]): Entry => [key, decodeRow(key, row)]);
    }
  } finally {
    await iterator.close();
  }
}

/**
 * Yields the blocks of a range with the damaged rows in it. If the database cannot read a block, all rows of the same
 * read are lost; so the rows before the block are then read one by one.
 */
export async function* examineRows(
  from: DatabaseReader | Promise<DatabaseReader>,
  { gte, lt }: Pick<Range, 'gte' | 'lt'>,
): AsyncGenerator<readonly Examined[]> {
  const database = await from;
  let next = gte;
  let last = gte;
  for (const size of [doorLimits.scanBlockEntriesMax, 1]) {
    const iterator = database.iterator({ gte: next, lt });
    try {
      for (;;) {
        const stored = await iterator.nextv(size);
        if (stored.length === 0) return;
        yield stored.map(([key, row]) => examineRow(key, row));
        last = stored.at(-1)![0];
        next = Buffer.concat([last, Buffer.of(0)]);
      }
    } catch (error) {
      if (!(error instanceof Failure && error.reason === 'DATA_LOSS')) throw error;
      if (size === 1) yield [{ kind: 'unreadable', key: last, message: error.message }];
    } finally {
      await iterator.close();
    }
  }
}

function examineRow(key: Key, row: StoredValue): Examined {
  try {
    return { kind: 'row', key, value: decodeRow(key, row) };
  } catch (error) {
    return { kind: 'damaged', key, message: (error as Error).message };
  }
}

/** A snapshot that is released when it is disposed. It may be taken later, when a database exists again. */
export class SnapshotReader implements Reader, Snapshot {
  private snapshot: DatabaseSnapshot | Promise<DatabaseSnapshot> | undefined;

  readonly cached: Pick<Reader, 'getMany'>;
  private readonly cache: CacheView | undefined;

  /** @param given the rows in memory that were durable when the snapshot was taken. Default: none. */
  constructor(snapshot: DatabaseSnapshot | Promise<DatabaseSnapshot>, given?: CacheView) {
    this.snapshot = snapshot;
    // A snapshot that is taken later has other rows.
    const cache = snapshot instanceof Promise ? undefined : given;
    this.cache = cache;
    this.cached =
      cache === undefined
        ? this
        : { getMany: async (wanted) => await readCached(await this.open(), wanted, cache) };
    // Each reader gets the error.
    if (snapshot instanceof Promise) snapshot.catch(() => undefined);
  }

  private open(): DatabaseSnapshot | Promise<DatabaseSnapshot> {
    if (this.snapshot === undefined) throw new Error('the snapshot was disposed');
    return this.snapshot;
  }

  async get(key: Key): Promise<Value | undefined> {
    return readRow(await this.open(), key);
  }

  async getMany(keys: readonly Key[]): Promise<(Value | undefined)[]> {
    return readRows(await this.open(), keys);
  }

  scan(range: Range): AsyncGenerator<readonly Entry[]> {
    return scanRows(this.open(), range);
  }

  list(list: Key, range: Range): AsyncGenerator<readonly Listed[]> {
    return listEntries(() => this.open(), list, range, this.cache);
  }

  examine(range: Pick<Range, 'gte' | 'lt'>): AsyncGenerator<readonly Examined[]> {
    return examineRows(this.open(), range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const snapshot = this.snapshot;
    this.snapshot = undefined;
    if (snapshot instanceof Promise)
      await snapshot.then(
        (taken) => taken.close(),
        () => undefined,
      );
    else await snapshot?.close();
  }
}
