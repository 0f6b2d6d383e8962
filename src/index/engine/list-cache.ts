/**
 * The newest entries of lists in memory, checked once. A list that is read again and again is read from its
 * beginning, the part that a page needs: this part is kept without a gap, and every batch that becomes durable changes it.
 * The rules are those of the rows in memory (`row-cache.ts`).
 */
import { Buffer } from 'node:buffer';
import { listFamilies } from '../keys.ts';
import { type Listed, suffixBytes } from '../listed.ts';
import type { Write } from '../row.ts';
import { noSignature } from '../signature.ts';
import { AgingMap } from './aging-map.ts';
import type { OwnRows } from './options.ts';
import { ReadOnce } from './read-once.ts';

/** The most entries that are kept of a list. */
const entriesMax = 1_024;
/** After this number of changes without a read in between, a list is forgotten: each change of it copies it. */
const changesMax = 64;
/** The assumed size of an entry in memory, and of a list without its entries. */
const entryBytes = 300;
const listBytes = 300;

/** The beginning of a list. It never changes: what a batch writes makes another one. */
export interface NewestEntries {
  /** All entries of the list before {@link end}, in order. */
  readonly entries: readonly Listed[];
  /** What follows the key of the list in a key; no entry before that is missing. */
  readonly end: Uint8Array;
}

interface KeptList extends NewestEntries {
  /** These entries have not changed since this commit. */
  readonly commit: number;
  /** The number of changes since it was read. */
  changes: number;
}

/** The lists in memory of one engine. */
export class ListCache {
  private readonly lists: AgingMap<KeptList>;
  private readonly ownRows: OwnRows | undefined;
  private readonly readOnce = new ReadOnce();

  constructor(bytesMax: number, ownRows: OwnRows | undefined) {
    this.lists = new AgingMap(bytesMax, (text, { entries }) => {
      return listBytes + 2 * text.length + entryBytes * entries.length;
    });
    this.ownRows = ownRows;
  }

  /** Forgets all lists. */
  clear(): void {
    this.lists.clear();
  }

  /** Returns the newest entries of a list, if they have not changed since `commit`. @param text that of its key. */
  find(text: string, commit: number): NewestEntries | undefined {
    const found = this.lists.get(text);
    if (found === undefined || found.commit > commit) return undefined;
    found.changes = 0;
    return found;
  }

  /**
   * Keeps what was read of a list, from its beginning on, and that is as the newest durable batch left it, if the list was
   * read before.
   */
  keep(text: string, { entries, end }: NewestEntries, commit: number): void {
    if (!isList(text)) return;
    const before = this.lists.get(text);
    if (before === undefined) {
      if (!this.readOnce.isReadAgain(text)) return;
      if (this.ownRows?.isOwn(text + '\0'.repeat(suffixBytes), noSignature) === false) return;
    } else if (before.entries.length >= entriesMax || Buffer.compare(end, before.end) <= 0) return;
    const known = before?.entries ?? [];
    const all = [...known, ...compact(entries.slice(known.length, entriesMax + 1))];
    this.lists.set(text, { ...cut(all, end), commit, changes: 0 });
  }

  /** Takes over a row of a batch that has become durable. @param text that of its key. */
  land(text: string, write: Write, commit: number): void {
    if (this.lists.isEmpty) return;
    const list = text.slice(0, -suffixBytes);
    const kept = this.lists.get(list);
    if (kept === undefined) return;
    const { entries, end } = kept;
    const suffix = write.key.subarray(write.key.length - suffixBytes);
    if (Buffer.compare(suffix, end) >= 0) return;
    const at = placeOf(suffix, entries);
    const isThere = at < entries.length && Buffer.compare(entries[at]!.suffix, suffix) === 0;
    if (write.type === 'del' && !isThere) return;
    const more = write.type === 'put' ? compact([{ suffix, signature: write.value }]) : [];
    const changes = kept.changes + 1;
    if (changes > changesMax) this.lists.delete(list);
    else
      this.lists.set(list, {
        ...cut(entries.toSpliced(at, isThere ? 1 : 0, ...more), end),
        commit,
        changes,
      });
  }
}

/** Returns the newest of the entries, not too many. */
function cut(entries: readonly Listed[], end: Uint8Array): NewestEntries {
  if (entries.length <= entriesMax) return { entries, end };
  const some = entries.slice(0, entriesMax);
  return { entries: some, end: justAfter(some.at(-1)!.suffix) };
}

/** Returns true if keys that begin with the text are those of lists. */
export function isList(text: string): boolean {
  return listFamilies.has(text.charCodeAt(0));
}

/** Returns the number of the entries that come before. */
export function placeOf(suffix: Uint8Array, entries: readonly Listed[]): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(entries[middle]!.suffix, suffix) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the place right after an entry. */
export function justAfter(suffix: Uint8Array): Uint8Array {
  return Buffer.concat([suffix, Buffer.of(0)]);
}

/** Returns copies in one block of memory: what was read has a block for each key and each value. */
function compact(entries: readonly Listed[]): Listed[] {
  const bytes = entries.reduce((sum, { signature }) => sum + suffixBytes + signature.length, 0);
  const block = new Uint8Array(bytes);
  let end = 0;
  const take = (from: Uint8Array) => {
    const start = end;
    block.set(from, start);
    end += from.length;
    return block.subarray(start, end);
  };
  return entries.map(({ suffix, signature }) => ({ suffix: take(suffix), signature: take(signature) }));
}
