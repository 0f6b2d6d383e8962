/** Carries out a plan: yields the entries to look at, a few at a time, and finds the items that they stand for. */
import type { Budget } from '../domain/load/budget.ts';
import type { ListReader } from '../index/door.ts';
import type { Listed } from '../index/listed.ts';
import { mayHave } from '../index/signature.ts';
import { type Analysis, analyse } from './candidates.ts';
import type { Condition } from './condition.ts';
import { estimate } from './estimate.ts';
import type { Catalog } from './list.ts';
import { type Plan, plan } from './plan.ts';
import { isNothing, type Suffix, type Walk } from './suffix.ts';

/** An item of a listing, and the bytes that it takes of a page. */
export interface Found<T> {
  readonly item: T;
  readonly bytes: number;
}

/** The items to find, and their order. */
interface Query<T> {
  readonly condition: Condition | undefined;
  readonly catalog: Catalog;
  readonly oldestFirst: boolean;
  /** The entry at which the page before ended. */
  readonly after: Suffix | undefined;
  /** The limits of the page. The number of entries that are looked at together depends on them. */
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly budget: Budget;
  /**
   * Returns the items that entries stand for, or undefined for each that does not match. It gets every entry that the
   * lists let pass and has the last word. It charges the records that it reads to the budget itself.
   */
  resolve(suffixes: readonly Suffix[]): Promise<(Found<T> | undefined)[]>;
}

/** How the query was answered, for people. */
export interface Explanation {
  readonly driver: string;
  readonly tests: readonly string[];
}

/**
 * The number of entries after which another plan is considered, if few of them match. Another list may be shorter from
 * there on: the first entries of a list say little about entries that are crowded later. The choice is made again then,
 * and again after twice as many.
 */
const patienceFirst = 512;
const poorShare = 1 / 4;

/**
 * The least and the greatest number of entries of a part of a block, which are looked at together: a record that does
 * not fit into the page was read in vain.
 */
const partMin = 16;
const partFirst = 64;
const partMax = 256;
const recordsReadTogether = 128;

/** The least share of entries that is expected to match, however few have. */
const shareMin = 1 / 32;
/** Entries that match are not spread evenly: reading a few more costs less than another read. */
const readAhead = 9 / 8;

/** The search for the items of one page: a source of `page()` in `src/store/look/page.ts`. */
export class Search<T> {
  private readonly reader: ListReader;
  private readonly query: Query<T>;
  private readonly analysis: Analysis;
  private readonly plans: Plan[] = [];
  /** The number of entries that were looked at, and of the items found, with their bytes. */
  private examined = 0;
  private hits = 0;
  private hitBytes = 0;

  constructor(reader: ListReader, query: Query<T>) {
    this.reader = reader;
    this.query = query;
    this.analysis = analyse(query.condition, query.catalog);
  }

  /** Yields the entries of the driving lists, as many at once as the rest of the page probably needs. */
  async *entries(): AsyncGenerator<readonly Listed[], void, void> {
    const { catalog, oldestFirst, after, budget } = this.query;
    const walk: Walk = { span: this.analysis.span, oldestFirst, after, needed: () => this.needed() };
    if (isNothing(walk)) return;
    let last = after;
    for (let patience = patienceFirst; ; patience *= 2) {
      await using chosen = await plan(this.reader, this.analysis, catalog, { ...walk, after: last }, budget);
      this.plans.push(chosen);
      const isPoor = this.poverty(patience);
      let isStale = false;
      while (!isStale) {
        const block = await chosen.stream.next();
        if (block.length === 0) return;
        for (let at = 0; at < block.length && !isStale; ) {
          // A full page only wants to know whether an entry follows.
          isStale = chosen.isChoice && isPoor() && !this.isEnough();
          if (isStale) break;
          const part = block.slice(at, at + this.partLength());
          yield part;
          last = part.at(-1)!.suffix;
          at += part.length;
        }
      }
    }
  }

  /** Returns whether `patience` entries from here on were looked at, and few of them matched. */
  private poverty(patience: number): () => boolean {
    const before = { examined: this.examined, hits: this.hits };
    return () => {
      const examined = this.examined - before.examined;
      return examined >= patience && this.hits - before.hits < examined * poorShare;
    };
  }

  private isEnough(): boolean {
    const { itemsMax, bytesMax, budget } = this.query;
    return this.hits >= itemsMax || this.hitBytes >= bytesMax || budget.isSpent;
  }

  /** Returns the number of entries that are looked at together. */
  private partLength(): number {
    // After a few entries it is known which lookups are useful.
    const most = this.examined < partFirst ? partFirst : partMax;
    return Math.max(1, Math.min(most, this.query.budget.left, Math.max(partMin, this.probablyLeft())));
  }

  /** Returns the number of entries that the rest of the page probably needs. */
  private probablyLeft(): number {
    const wanted = this.query.itemsMax - this.hits;
    const share = this.examined === 0 ? 1 : Math.max(this.hits / this.examined, shareMin);
    return Math.ceil(wanted / share);
  }

  /** Returns the number of entries to read next: enough for the rest of the page, and for seeing that more follow. */
  private needed(): number {
    const { itemsMax, budget } = this.query;
    const most = Math.max(2 * itemsMax, 2 * this.examined);
    return Math.ceil(Math.min(this.probablyLeft() * readAhead, most, budget.left)) + 1;
  }

  /**
   * Looks at the first entries of a part, at all of them unless the page has enough before that. Returns what each of
   * these stands for.
   */
  async look(part: readonly Listed[]): Promise<readonly (Found<T> | undefined)[]> {
    const passing = await this.sift(part);
    const looked: (Found<T> | undefined)[] = [];
    for (let at = 0; at < passing.length; ) {
      // Entries that were looked up already are looked at to the end of a group, even if that spends the budget.
      if (at > 0 && this.isEnough()) return this.noted(looked);
      const wanted = this.query.itemsMax - this.hits;
      const group = passing.slice(at, at + Math.min(wanted, recordsReadTogether));
      const resolved = await this.query.resolve(group.map(({ suffix }) => suffix));
      for (let order = 0; order < group.length; order++) {
        // The entries before it that did not pass.
        while (part[looked.length] !== group[order]) looked.push(undefined);
        const found = resolved[order];
        looked.push(found);
        if (found === undefined) continue;
        this.hits++;
        this.hitBytes += found.bytes;
      }
      at += group.length;
    }
    while (looked.length < part.length) looked.push(undefined);
    return this.noted(looked);
  }

  private noted(looked: readonly (Found<T> | undefined)[]): readonly (Found<T> | undefined)[] {
    this.examined += looked.length;
    return looked;
  }

  /** Returns the entries that neither their signatures nor the other lists rule out. */
  private async sift(entries: readonly Listed[]): Promise<readonly Listed[]> {
    const { wanted } = this.analysis;
    let passing =
      wanted === undefined ? entries : entries.filter(({ signature }) => mayHave(signature, wanted));
    for (const probe of this.plans.at(-1)?.probes ?? []) {
      if (passing.length === 0) break;
      passing = await probe.sift(this.reader, passing, this.query.budget);
    }
    return passing;
  }

  get explanation(): Explanation {
    const { plans } = this;
    if (plans.length === 0) return { driver: 'nothing', tests: [] };
    const tests = plans.flatMap(({ probes, residual }) => [...probes.map(({ what }) => what), ...residual]);
    const drivers = [...new Set(plans.map(({ driver }) => driver))];
    return { driver: drivers.join(', then '), tests: [...new Set(tests)] };
  }

  /**
   * Returns the approximate number of all matches, from samples of the driving lists. Undefined if it costs too much.
   * Only for the first page, when that has been filled.
   */
  async estimate(): Promise<number | undefined> {
    const lists = this.plans.at(-1)?.lists ?? [];
    const seen = { examined: this.examined, hits: this.hits };
    return await estimate(
      this.reader,
      lists,
      this.analysis.span,
      seen,
      this.query.budget,
      async (entries) => await this.countHits(entries),
    );
  }

  private async countHits(entries: readonly Listed[]): Promise<number> {
    const passing = await this.sift(entries);
    const found = passing.length === 0 ? [] : await this.query.resolve(passing.map(({ suffix }) => suffix));
    return found.filter((one) => one !== undefined).length;
  }
}
