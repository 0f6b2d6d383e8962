/** An ordered map from bytes to bytes that remembers the values that live snapshots may still read. */
import { Buffer } from 'node:buffer';
import { textOf } from '../bytes.ts';
import type { DatabaseIterator, StoredValue } from '../engine/database.ts';
import type { Key, Range, Write } from '../row.ts';

/** A value, or its absence, from one instant on. */
interface Version {
  readonly since: number;
  readonly value: StoredValue | undefined;
}

/** The present rows, and the rows at the time of each live snapshot. */
export class MemoryRows {
  /** The versions of each key, oldest first. Keys have one character per byte, so their order is that of the bytes. */
  private readonly versions = new Map<string, Version[]>();
  private readonly sorted: string[] = [];
  /** The number of the last write. */
  private instant = 0;
  /** The number of snapshots of each instant. */
  private readonly retained = new Map<number, number>();
  /** The keys with versions that nothing will read when the present snapshots are gone. */
  private readonly stale = new Set<string>();

  /** The number of remembered keys; some of them only a snapshot can still see. */
  get size(): number {
    return this.sorted.length;
  }

  get(key: Key, at = this.instant): StoredValue | undefined {
    return this.lookUp(textOf(key), at);
  }

  private lookUp(text: string, at: number): StoredValue | undefined {
    return this.versions.get(text)?.findLast((version) => version.since <= at)?.value;
  }

  write(writes: readonly Write[]): void {
    this.instant++;
    for (const write of writes) {
      const text = textOf(write.key);
      let versions = this.versions.get(text);
      if (versions === undefined) {
        versions = [];
        this.versions.set(text, versions);
        this.sorted.splice(this.positionOf(text), 0, text);
      } else if (versions.at(-1)!.since === this.instant) {
        versions.pop();
      }
      versions.push({ since: this.instant, value: write.type === 'put' ? write.value : undefined });
      this.stale.add(text);
    }
    this.forget();
  }

  /** Returns the present instant, which is kept until it is released. */
  retain(): number {
    this.retained.set(this.instant, (this.retained.get(this.instant) ?? 0) + 1);
    return this.instant;
  }

  release(at: number): void {
    const count = this.retained.get(at)! - 1;
    if (count > 0) this.retained.set(at, count);
    else this.retained.delete(at);
    this.forget();
  }

  private forget(): void {
    if (this.retained.size > 0) return;
    for (const text of this.stale) {
      const newest = this.versions.get(text)!.at(-1)!;
      if (newest.value !== undefined) this.versions.set(text, [newest]);
      else {
        this.versions.delete(text);
        this.sorted.splice(this.positionOf(text), 1);
      }
    }
    this.stale.clear();
  }

  /** Returns the position of `text`, or the position where it would be. */
  private positionOf(text: string): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle]! < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Iterates at the instant `at`, which the iterator keeps. Each step runs through `guarded`. */
  iterator(range: Range, guarded: <T>(step: () => T) => T, at = this.instant): DatabaseIterator {
    const instant = at;
    this.retained.set(instant, (this.retained.get(instant) ?? 0) + 1);
    let isOpen = true;
    let { gte, lt, limit = Number.POSITIVE_INFINITY } = textRange(range);
    const next = (size: number): [Key, StoredValue][] => {
      const block: [Key, StoredValue][] = [];
      while (block.length < size && limit > 0) {
        const text = range.reverse ? this.sorted[this.positionOf(lt) - 1] : this.sorted[this.positionOf(gte)];
        if (text === undefined || text < gte || text >= lt) break;
        if (range.reverse) lt = text;
        else gte = `${text}\0`;
        const value = this.lookUp(text, instant);
        if (value === undefined) continue;
        block.push([Buffer.from(text, 'latin1'), value]);
        limit--;
      }
      return block;
    };
    return {
      nextv: async (size) => guarded(() => next(size)),
      close: async () => {
        if (isOpen) this.release(instant);
        isOpen = false;
      },
    };
  }
}

function textRange(range: Range): { gte: string; lt: string; limit?: number } {
  const limit = range.limit === undefined ? {} : { limit: range.limit };
  return { gte: textOf(range.gte), lt: textOf(range.lt), ...limit };
}
