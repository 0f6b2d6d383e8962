/**
 * Durable rows in memory, checked and decoded once. It lies below the batches that are not durable yet. What examines
 * the index reads past it, and so does a snapshot for every row that may have changed since it was taken.
 */
import { Buffer } from 'node:buffer';
import { keepDecoded } from '../family.ts';
import { cachedFamilies, keys } from '../keys.ts';
import type { Value, Write } from '../row.ts';
import { AgingMap } from './aging-map.ts';
import type { Batch } from './batch.ts';
import { isList, ListCache, type NewestEntries } from './list-cache.ts';
import type { OwnRows } from './options.ts';
import { ReadOnce } from './read-once.ts';

/** A longer value is not kept. */
const valueBytesMax = 16 * 1024;
/** The assumed size of a row in memory: the text of its key, its value and what that is decoded to, and the rest. */
const bytesOf = (text: string, { value }: CachedRow) =>
  2 * text.length + 6 * value.length + 200 + (isArtifact(text) ? shownBytesOf(value) : 0);
/** The assumed size of what is made of the record of an artifact for answers. */
const shownBytesOf = (value: Value) => value.length + 300;
/** The part of the bytes that lists have. */
const listsShare = 1 / 8;

interface CachedRow {
  readonly value: Value;
  /** The row has not changed since this commit. */
  readonly commit: number;
}

/** The cached rows as one reader may use them. */
export interface RowView {
  /** @param text the text of the key. */
  find(text: string): Value | undefined;
  /** Keeps a row that the reader has read, if it cannot have changed since. */
  keep(text: string, value: Value): void;
}

/** The same for one snapshot, with the cached lists. */
export interface CacheView extends RowView {
  /** Returns the newest entries of a list. @param text that of its key. */
  findList(text: string): NewestEntries | undefined;
  /** Keeps what the snapshot has read of a list from its beginning on, if that cannot have changed since. */
  keepList(text: string, newest: NewestEntries): void;
}

/** The cache of one engine. */
export class RowCache {
  private readonly sent: () => Batch | undefined;
  private readonly bytesMax: number;
  private readonly ownRows: OwnRows | undefined;
  private readonly rows: AgingMap<CachedRow>;
  private readonly lists: ListCache;
  /** The newest commit that {@link land} was called with. */
  private commit = 0;
  /** Grows whenever everything is forgotten. */
  private generation = 0;
  private isOn = false;
  private readonly readOnce = new ReadOnce();

  /**
   * @param sent returns the batch that is on its way to the disk: a snapshot may have it or not, and so may a read.
   * @param bytesMax 0: nothing is kept.
   * @param ownRows the rows that may be kept. Default: all.
   */
  constructor(sent: () => Batch | undefined, bytesMax = 16 * 1024 * 1024, ownRows?: OwnRows) {
    this.sent = sent;
    this.bytesMax = bytesMax;
    this.rows = new AgingMap(bytesMax * (1 - listsShare), bytesOf);
    this.lists = new ListCache(bytesMax * listsShare, ownRows);
    this.ownRows = ownRows;
    ownRows?.onChange(() => this.forgetAll());
  }

  /** Begins to keep rows of a database that was just opened. @param commit its newest. */
  start(commit: number): void {
    this.commit = commit;
    this.isOn = this.bytesMax > 0;
  }

  /** Forgets everything, and keeps nothing until {@link start}: it is not known any more which rows are durable. */
  stop(): void {
    this.isOn = false;
    this.forgetAll();
  }

  /** Forgets everything, and keeps nothing that was read before. */
  private forgetAll(): void {
    this.generation++;
    this.rows.clear();
    this.lists.clear();
  }

  /** Returns a row as the newest durable batch left it. @param text the text of the key. */
  find(text: string): Value | undefined {
    return this.row(text)?.value;
  }

  private row(text: string): CachedRow | undefined {
    if (this.ownRows?.areSafe === false) return undefined;
    return this.rows.get(text);
  }

  /**
   * Keeps a row that was read, and that is as the newest durable batch left it, if it was read before: what is read once,
   * as by a long listing, would push out the others and leave garbage.
   */
  keep(text: string, value: Value): void {
    if (!this.isOn || !isCached(text) || value.length > valueBytesMax) return;
    if (!this.readOnce.isReadAgain(text)) return;
    if (this.ownRows?.isOwn(text, value) === false) return;
    keepDecoded(value);
    this.rows.set(text, { value, commit: this.commit });
  }

  /** Takes over what a batch has changed of the rows and lists that are kept. */
  land(writes: Iterable<readonly [text: string, write: Write]>, commit: number): void {
    this.commit = commit;
    if (!this.isOn) return;
    for (const [text, write] of writes) {
      if (isList(text)) this.lists.land(text, write, commit);
      if (!isCached(text) || !this.rows.has(text)) continue;
      if (write.type === 'put' && write.value.length <= valueBytesMax) {
        // The encoder's memory may be part of a larger block.
        const value = Buffer.allocUnsafeSlow(write.value.length);
        value.set(write.value);
        keepDecoded(value);
        this.rows.set(text, { value, commit });
      } else this.rows.delete(text);
    }
  }

  /** Returns a function that is {@link keep}, as long as nothing is forgotten. */
  keeper(): (text: string, value: Value) => void {
    const { generation } = this;
    return (text, value) => {
      if (this.generation === generation) this.keep(text, value);
    };
  }

  /** Returns what a snapshot that is taken now may use, or a read without one that begins now. */
  view(): CacheView {
    const { generation, commit, sent } = this;
    const inFlight = sent();
    const isSure = (text: string) => this.generation === generation && inFlight?.find(text) === undefined;
    const isSureOf = (list: string) => this.generation === generation && inFlight?.touches(list) !== true;
    return {
      find: (text) => {
        if (!isSure(text)) return undefined;
        const row = this.row(text);
        return row !== undefined && row.commit <= commit ? row.value : undefined;
      },
      keep: (text, value) => {
        if (this.commit !== commit || !isSure(text)) return;
        if (sent()?.find(text) === undefined) this.keep(text, value);
      },
      findList: (text) => {
        if (!isSureOf(text) || this.ownRows?.areSafe === false) return undefined;
        return this.lists.find(text, commit);
      },
      keepList: (text, newest) => {
        if (this.isOn && this.commit === commit && isSureOf(text)) this.lists.keep(text, newest, commit);
      },
    };
  }
}

function isArtifact(text: string): boolean {
  return text.charCodeAt(0) === keys.artifacts.record.code;
}

function isCached(text: string): boolean {
  return cachedFamilies.has(text.charCodeAt(0));
}
