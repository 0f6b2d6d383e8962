/** Lists as one: every entry of any of them, each once, in the order of the walk. */
import type { Listed } from '../index/listed.ts';
import type { ListCursor } from './cursor.ts';
import { compareSuffixes } from './suffix.ts';

/** Walks the union of lists. */
export class Stream {
  private readonly cursors: readonly ListCursor[];
  private readonly oldestFirst: boolean;

  constructor(cursors: readonly ListCursor[], oldestFirst: boolean) {
    this.cursors = cursors;
    this.oldestFirst = oldestFirst;
  }

  /** Returns the next entries; none at the end. */
  async next(): Promise<readonly Listed[]> {
    const [only, ...others] = this.cursors;
    if (others.length === 0) {
      await only?.fill();
      return only?.take() ?? [];
    }
    await Promise.all(this.cursors.map((cursor) => cursor.fill()));
    // No unread entry comes before the end of the read part of its list.
    const ends = this.cursors.filter(({ isAtEnd }) => !isAtEnd).map(({ buffer }) => buffer.at(-1)!);
    const horizon = ends.sort(this.compare)[0]?.suffix;
    const taken = this.cursors.flatMap((cursor) => cursor.take(horizon)).sort(this.compare);
    return taken.filter((entry, at) => at === 0 || this.compare(entry, taken[at - 1]!) !== 0);
  }

  private readonly compare = (a: Listed, b: Listed) =>
    this.oldestFirst ? compareSuffixes(b.suffix, a.suffix) : compareSuffixes(a.suffix, b.suffix);
}
