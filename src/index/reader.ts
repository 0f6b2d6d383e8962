/** Reads what is durable, every row checked. */
import type { DatabaseReader, DatabaseSnapshot } from './database.ts';
import {
  doorLimits,
  type Entry,
  type Key,
  type Range,
  type Reader,
  type Snapshot,
  type Value,
} from './door.ts';
import { decodeRow } from './stored-row.ts';

/**
 * Up to this many keys are looked up on the calling thread: a hop to the thread pool costs more than that many rows in
 * the cache. Above it the time on the calling thread would count.
 */
const syncKeysMax = 16;

export function readRow(database: DatabaseReader, key: Key): Value | undefined {
  const stored = database.getSync(key);
  return stored === undefined ? undefined : decodeRow(key, stored);
}

export async function readRows(
  database: DatabaseReader,
  keys: readonly Key[],
): Promise<(Value | undefined)[]> {
  if (keys.length <= syncKeysMax) return keys.map((key) => readRow(database, key));
  const stored = await database.getMany(keys);
  return stored.map((row, at) => (row === undefined ? undefined : decodeRow(keys[at]!, row)));
}

/** The blocks of a range, at the instant of the first one. What was opened is closed however the consumer ends. */
export async function* scanRows(database: DatabaseReader, range: Range): AsyncGenerator<readonly Entry[]> {
  const iterator = database.iterator(range);
  try {
    for (;;) {
      const stored = await iterator.nextv(doorLimits.scanBlockEntriesMax);
      if (stored.length === 0) return;
      yield stored.map(([key, row]): Entry => [key, decodeRow(key, row)]);
    }
  } finally {
    await iterator.close();
  }
}

/** A snapshot that is released when it is disposed. */
export class SnapshotReader implements Reader, Snapshot {
  private snapshot: DatabaseSnapshot | undefined;

  constructor(snapshot: DatabaseSnapshot) {
    this.snapshot = snapshot;
  }

  private open(): DatabaseSnapshot {
    if (this.snapshot === undefined) throw new Error('the snapshot was disposed');
    return this.snapshot;
  }

  async get(key: Key): Promise<Value | undefined> {
    return readRow(this.open(), key);
  }

  async getMany(keys: readonly Key[]): Promise<(Value | undefined)[]> {
    return readRows(this.open(), keys);
  }

  scan(range: Range): AsyncGenerator<readonly Entry[]> {
    return scanRows(this.open(), range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const snapshot = this.snapshot;
    this.snapshot = undefined;
    await snapshot?.close();
  }
}
