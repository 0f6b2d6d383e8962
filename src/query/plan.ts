/**
 * How a query is answered: one list (or a union) drives, and each of its entries is tested against the others. A read
 * of a few entries of each list shows which is the shortest; LevelDB's own estimate knows nothing of new entries.
 */
import type { Budget } from '../domain/load/budget.ts';
import type { ListReader } from '../index/door.ts';
import { type Analysis, type Candidate, describe, type Factor, listsOf } from './candidates.ts';
import { ListCursor } from './cursor.ts';
import type { Catalog, List } from './list.ts';
import { Probe } from './probe.ts';
import { Stream } from './stream.ts';
import { compareSuffixes, type Suffix, timeOf, type Walk } from './suffix.ts';

/** A query that will run next. It must be closed. */
export interface Plan extends AsyncDisposable {
  readonly stream: Stream;
  /** Whether another candidate could have driven it. */
  readonly isChoice: boolean;
  /** The lists that drive it. */
  readonly lists: readonly List[];
  /** The same, for people. */
  readonly driver: string;
  /** The tests, in their order. */
  readonly probes: readonly Probe[];
  /** The conditions that only the records can decide, for people. */
  readonly residual: readonly string[];
}

/** The density of a candidate at the beginning of the walk. */
interface Density {
  /** Entries per millisecond; 0 if all existing entries were read. */
  readonly rate: number;
  readonly read: number;
}

/** Chooses the lists that drive a query. */
export async function plan(
  reader: ListReader,
  { factors }: Analysis,
  catalog: Catalog,
  walk: Walk,
  budget: Budget,
): Promise<Plan> {
  const cursors = new Cursors(reader, walk, budget);
  const usable = factors.filter(({ candidate }) => candidate !== undefined);
  await cursors.open(usable.flatMap(({ candidate }) => listsOf(candidate!)));
  const start = cursors.startOfAll(usable);
  if (start !== undefined) await cursors.skipTo(start);
  // A list that is empty from there on proves that nothing matches.
  const isEmpty = usable.length > 0 && cursors.startOfAll(usable) === undefined;

  const ranked = usable
    .map((factor) => ({ factor, ...cursors.densest(factor.candidate!, start) }))
    .sort(byDensity);
  const driver = ranked[0];
  const lists = driver === undefined ? [catalog.all] : listsOf(driver.candidate);
  await cursors.closeAllBut(lists);
  if (driver === undefined) await cursors.open(lists);
  const walked = isEmpty ? [] : lists.map((list) => cursors.of(list));
  const others = ranked.slice(1).map(({ factor }) => factor);
  return {
    stream: new Stream(walked, walk.oldestFirst),
    isChoice: ranked.length > 1,
    lists: isEmpty ? [] : lists,
    get driver() {
      return [...new Set(lists.map(({ what }) => what))].join(' OR ');
    },
    probes: [...others.flatMap(probeFor), ...factors.flatMap(probeAgainst)],
    get residual() {
      return factors.filter((factor) => !isExact(factor)).map(describe);
    },
    [Symbol.asyncDispose]: () => cursors.closeAllBut([]),
  };
}

/** The greatest number of lists in which an entry is looked up; beyond that, reading its record costs less. */
const probedListsMax = 4;

function probeFor(factor: Factor): Probe[] {
  const candidate = factor.candidate!;
  const parts = candidate.kind === 'union' ? candidate.of : [candidate];
  const lists = parts.flatMap((part) => (part.kind === 'list' ? [part.list] : []));
  const isProbed = lists.length === parts.length && lists.length <= probedListsMax;
  return isProbed ? [new Probe(() => describe(factor), lists, 'in', factor.fact !== undefined)] : [];
}

function probeAgainst(factor: Factor): Probe[] {
  const { without } = factor;
  return without === undefined ? [] : [new Probe(() => describe(factor), [without], 'notIn', false)];
}

/** Returns true if the lists of the factor contain the things that meet it and nothing else. */
function isExact({ candidate, without }: Factor): boolean {
  if (without !== undefined) return true;
  const isPlain = (one: Candidate): boolean =>
    one.kind === 'list' || (one.kind === 'union' && one.of.every(isPlain));
  return candidate !== undefined && isPlain(candidate);
}

function byDensity(a: Density, b: Density): number {
  return a.rate - b.rate || a.read - b.read;
}

/** A cursor for each list that is considered. */
class Cursors {
  private readonly cursors = new Map<List, ListCursor>();
  private readonly reader: ListReader;
  private readonly walk: Walk;
  private readonly budget: Budget;

  constructor(reader: ListReader, walk: Walk, budget: Budget) {
    this.reader = reader;
    this.walk = walk;
    this.budget = budget;
  }

  async open(lists: readonly List[]): Promise<void> {
    for (const list of lists)
      if (!this.cursors.has(list))
        this.cursors.set(list, new ListCursor(this.reader, list, this.walk, this.budget));
    await Promise.all(lists.map((list) => this.of(list).fill()));
  }

  of(list: List): ListCursor {
    return this.cursors.get(list)!;
  }

  async skipTo(start: Suffix): Promise<void> {
    for (const [list, cursor] of this.cursors) this.cursors.set(list, await cursor.skipTo(start));
  }

  async closeAllBut(kept: readonly List[]): Promise<void> {
    for (const [list, cursor] of this.cursors) {
      if (kept.includes(list)) continue;
      await cursor.close();
      this.cursors.delete(list);
    }
  }

  /**
   * Returns the entry before which nothing meets all factors; undefined if nothing meets them at all, or no factor
   * exists.
   */
  startOfAll(factors: readonly Factor[]): Suffix | undefined {
    const starts = factors.map(({ candidate }) => this.startOf(candidate!));
    return starts.includes(undefined) ? undefined : this.furthest(starts);
  }

  private startOf(candidate: Candidate): Suffix | undefined {
    if (candidate.kind === 'list') return this.of(candidate.list).buffer[0]?.suffix;
    const starts = candidate.of.map((part) => this.startOf(part));
    if (candidate.kind === 'choice') return starts.includes(undefined) ? undefined : this.furthest(starts);
    const some = starts.filter((start) => start !== undefined);
    return some.length === 0 ? undefined : some.sort(this.inOrder)[0];
  }

  furthest(starts: readonly (Suffix | undefined)[]): Suffix {
    return starts
      .filter((start) => start !== undefined)
      .sort(this.inOrder)
      .at(-1)!;
  }

  private readonly inOrder = (a: Suffix, b: Suffix) =>
    this.walk.oldestFirst ? compareSuffixes(b, a) : compareSuffixes(a, b);

  /** Returns the candidate with every choice made, and its density. */
  densest(candidate: Candidate, start: Suffix | undefined): Density & { readonly candidate: Candidate } {
    if (candidate.kind === 'list') return { candidate, ...this.densityOf(candidate.list, start) };
    const parts = candidate.of.map((part) => this.densest(part, start));
    if (candidate.kind === 'choice') return parts.sort(byDensity)[0]!;
    return {
      candidate: { kind: 'union', of: parts.map((part) => part.candidate) },
      rate: parts.reduce((sum, { rate }) => sum + rate, 0),
      read: parts.reduce((sum, { read }) => sum + read, 0),
    };
  }

  private densityOf(list: List, start: Suffix | undefined): Density {
    const { buffer, isAtEnd, isShort } = this.of(list);
    const read = buffer.length;
    if (isAtEnd || isShort || read === 0 || start === undefined) return { rate: 0, read };
    const spanMs = Math.abs(timeOf(start) - timeOf(buffer.at(-1)!.suffix));
    return { rate: read / Math.max(spanMs, 0.5), read };
  }
}
