/** Reads of lists: first the entries that are in memory, then those of the database. */
import { Buffer } from 'node:buffer';
import { textOf } from '../bytes.ts';
import { type Listed, listedIn } from '../listed.ts';
import type { Key, Range } from '../row.ts';
import { blockSizes } from './block-sizes.ts';
import type { DatabaseIterator, DatabaseReader } from './database.ts';
import { justAfter, type NewestEntries, placeOf } from './list-cache.ts';
import type { CacheView } from './row-cache.ts';
import { decodeRow } from './stored-row.ts';

/**
 * Yields the entries of a list in a range, in blocks. What is read of the beginning of the list may be kept in memory.
 *
 * @param open returns the database; called if memory does not have everything.
 * @param cache undefined: memory has nothing.
 */
export async function* listEntries(
  open: () => DatabaseReader | Promise<DatabaseReader>,
  list: Key,
  range: Range,
  cache: CacheView | undefined,
): AsyncGenerator<readonly Listed[]> {
  const text = textOf(list);
  const { entries, from, to, rest, isBeginning } = startOf(list, range, cache?.findList(text));
  let at = from;
  let iterator: DatabaseIterator | undefined;
  const read: Listed[] = [];
  let hasAll = false;
  try {
    for (const size of blockSizes(range)) {
      const block = entries.slice(at, Math.min(at + size, to));
      at += block.length;
      if (block.length < size && rest !== undefined) {
        iterator ??= (await open()).iterator(rest);
        const stored = await iterator.nextv(size - block.length);
        hasAll = stored.length === 0;
        for (const [key, row] of stored) block.push(listedIn([key, decodeRow(key, row)]));
        if (isBeginning) read.push(...block.slice(block.length - stored.length));
      }
      if (block.length === 0) return;
      yield block;
    }
  } finally {
    await iterator?.close();
    if (isBeginning && (hasAll || read.length > 0))
      cache?.keepList(text, {
        entries: [...entries, ...read],
        end: hasAll ? range.lt.subarray(list.length) : justAfter(read.at(-1)!.suffix),
      });
  }
}

/** Where the reading of a list begins. */
interface Start {
  /** The newest entries, and which of them are in the range. */
  readonly entries: readonly Listed[];
  readonly from: number;
  readonly to: number;
  /** The part of the range that memory does not have; undefined if it has all. */
  readonly rest: Range | undefined;
  /** True if the entries, and those of the rest from its start on, are a beginning of the list without a gap. */
  readonly isBeginning: boolean;
}

function startOf(list: Key, range: Range, newest: NewestEntries | undefined): Start {
  const gte = range.gte.subarray(list.length);
  const isUsable = range.reverse !== true && range.limit === undefined;
  const isWithin = isUsable && newest !== undefined && Buffer.compare(gte, newest.end) <= 0;
  if (!isWithin) {
    const isBeginning = isUsable && gte.every((byte) => byte === 0);
    return { entries: [], from: 0, to: 0, rest: range, isBeginning };
  }
  const { entries, end } = newest;
  const lt = range.lt.subarray(list.length);
  const hasAll = Buffer.compare(lt, end) <= 0;
  return {
    entries,
    from: placeOf(gte, entries),
    to: hasAll ? placeOf(lt, entries) : entries.length,
    rest: hasAll ? undefined : { ...range, gte: Buffer.concat([list, end]) },
    isBeginning: true,
  };
}
