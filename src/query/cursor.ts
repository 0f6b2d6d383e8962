/** A walk along one list. */
import type { Budget } from '../domain/load/budget.ts';
import type { ListReader } from '../index/door.ts';
import type { Listed } from '../index/listed.ts';
import type { List } from './list.ts';
import { compareSuffixes, isPassed, rangeOf, type Suffix, unsigned, type Walk } from './suffix.ts';

/** The number of entries read of a list before it is known whether the list will be walked. */
const firstBlock = 16;

/** Reads a list in blocks that grow, each as it is needed. */
export class ListCursor {
  /** The entries that were read and not yet taken. */
  buffer: readonly Listed[] = [];
  /** Whether nothing is left to read. */
  isAtEnd = false;
  /** Whether no entry follows those in the buffer, if that is known without another read. */
  isShort = false;
  private readonly reader: ListReader;
  private readonly list: List;
  private readonly walk: Walk;
  private readonly budget: Budget;
  private blocks: AsyncIterator<readonly Listed[]> | undefined;

  constructor(reader: ListReader, list: List, walk: Walk, budget: Budget) {
    this.reader = reader;
    this.list = list;
    this.walk = walk;
    this.budget = budget;
  }

  /** Reads a block if the buffer is empty. */
  async fill(): Promise<void> {
    if (this.buffer.length > 0 || this.isAtEnd) return;
    const { list, walk } = this;
    if ('members' in list) {
      const members = list.members.filter((member) => isPassed(member, walk)).map(unsigned);
      this.buffer = walk.oldestFirst ? members.reverse() : members;
      this.isAtEnd = true;
      return;
    }
    this.blocks ??= this.reader
      .list(list.prefix, {
        ...rangeOf(list.prefix, walk),
        firstBlock,
        nextBlock: () => Math.max(firstBlock, walk.needed()),
      })
      [Symbol.asyncIterator]();
    const block = await this.blocks.next();
    this.isAtEnd = block.done === true;
    this.isShort = block.done === true || block.value.length < firstBlock;
    if (block.done) return;
    this.budget.spend('entries', block.value.length);
    this.buffer = block.value;
  }

  /** Takes the entries in the buffer up to `horizon`; all of them without one. */
  take(horizon?: Suffix): readonly Listed[] {
    const taken = this.buffer;
    if (horizon === undefined) {
      this.buffer = [];
      return taken;
    }
    const end = taken.findIndex(({ suffix }) => this.isBehind(suffix, horizon));
    if (end < 0) {
      this.buffer = [];
      return taken;
    }
    this.buffer = taken.slice(end);
    return taken.slice(0, end);
  }

  /** Returns a cursor whose next entry is not before `start`: this one, if it has come that far. */
  async skipTo(start: Suffix): Promise<ListCursor> {
    const at = this.buffer.findIndex(({ suffix }) => !this.isBehind(start, suffix));
    if (at >= 0 || this.isAtEnd) {
      this.buffer = at < 0 ? [] : this.buffer.slice(at);
      return this;
    }
    await this.close();
    const further = new ListCursor(
      this.reader,
      this.list,
      { ...this.walk, after: stepBefore(start, this.walk.oldestFirst) },
      this.budget,
    );
    await further.fill();
    return further;
  }

  /** Returns true if the walk comes to `a` after `b`. */
  private isBehind(a: Suffix, b: Suffix): boolean {
    const order = compareSuffixes(a, b);
    return this.walk.oldestFirst ? order < 0 : order > 0;
  }

  async close(): Promise<void> {
    await this.blocks?.return?.();
    this.blocks = undefined;
    this.isAtEnd = true;
  }
}

/** Returns the suffix that a walk passes just before it comes to `suffix`. */
function stepBefore(suffix: Suffix, oldestFirst: boolean): Suffix {
  const step = new Uint8Array(suffix);
  const [wraps, by] = oldestFirst ? [0xff, 1] : [0, -1];
  for (let at = step.length - 1; at >= 0; at--) {
    const wrapped = step[at] === wraps;
    step[at] = (step[at]! + by) & 0xff;
    if (!wrapped) return step;
  }
  return suffix;
}
