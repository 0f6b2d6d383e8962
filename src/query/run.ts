/** Runs a plan until a page is full, the lists are at their end or the budget of the call is spent. */
import type { Reader } from '../index/door.ts';
import type { Budget } from './budget.ts';
import { analyse } from './candidates.ts';
import type { Condition } from './condition.ts';
import { estimate } from './estimate.ts';
import type { Catalog } from './list.ts';
import { type Plan, plan } from './plan.ts';
import { isNothing, type Suffix, type Walk } from './suffix.ts';

/** An item, and how much of the page it takes. */
export interface Found<T> {
  readonly item: T;
  readonly bytes: number;
}

/** The items to find, their order, and their amount. Sizes are in bytes. */
export interface Query<T> {
  readonly condition: Condition | undefined;
  readonly catalog: Catalog;
  readonly oldestFirst: boolean;
  /** The entry at which the page before ended. */
  readonly after: Suffix | undefined;
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly budget: Budget;
  /** Whether to report the approximate number of all matches too. Only with the first page. */
  readonly estimates?: boolean;
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

/** A page of items. */
export interface Result<T> {
  readonly items: readonly T[];
  /** The last entry that was looked at; undefined if none follows it. */
  readonly last: Suffix | undefined;
  readonly explanation: Explanation;
  /**
   * The number of all matches: exact if this page is all, else approximate. Undefined if it was not requested, or cost
   * too much.
   */
  readonly total: number | undefined;
}

/**
 * The number of entries after which another plan is considered, if few of them match. Another list may be shorter from
 * there on: the first entries of a list say little about entries that are crowded later. The choice is made again then,
 * and again after twice as many.
 */
const patienceFirst = 512;
const poorShare = 1 / 4;

/**
 * The least and the greatest number of entries looked at together: a record that does not fit into the page was read in
 * vain.
 */
const stepMin = 16;
const stepFirst = 64;
const stepMax = 256;
const recordsReadTogether = 128;

/** Answers one page. */
export async function run<T>(reader: Reader, query: Query<T>): Promise<Result<T>> {
  const { catalog, oldestFirst, after, budget } = query;
  const analysis = analyse(query.condition, catalog);
  const walk: Walk = { bounds: analysis.bounds, oldestFirst, after, wanted: query.itemsMax };
  if (isNothing(walk))
    return {
      items: [],
      last: undefined,
      total: query.estimates && after === undefined ? 0 : undefined,
      explanation: { driver: 'nothing', tests: [] },
    };
  const page = new Page<T>(reader, query);
  const plans: Plan[] = [];
  let last = after;
  for (let patience = patienceFirst; ; patience *= 2) {
    await using chosen = await plan(reader, analysis, catalog, { ...walk, after: last }, budget);
    plans.push(chosen);
    const filled = await page.fill(chosen, patience);
    last = filled.last;
    if (!filled.goesOn) break;
  }
  const explanation = explained(plans);
  if (!query.estimates || after !== undefined)
    return { items: page.items, last, total: undefined, explanation };
  const seen = { examined: page.examined, hits: page.items.length };
  const lists = plans.at(-1)!.lists;
  const total =
    last === undefined
      ? page.items.length
      : await estimate(reader, lists, walk.bounds, seen, budget, (suffixes) => page.countHits(suffixes));
  return { items: page.items, last, total, explanation };
}

function explained(plans: readonly Plan[]): Explanation {
  const tests = plans.flatMap(({ probes, residual }) => [...probes.map(({ what }) => what), ...residual]);
  const drivers = [...new Set(plans.map(({ driver }) => driver))];
  return { driver: drivers.join(', then '), tests: [...new Set(tests)] };
}

/**
 * How the filling of a page ended: the entry after which it continues, if any follows, and whether it should continue
 * now, by another plan.
 */
interface Filled {
  readonly last: Suffix | undefined;
  readonly goesOn: boolean;
}

class Page<T> {
  readonly items: T[] = [];
  examined = 0;
  private bytes = 0;
  private readonly reader: Reader;
  private readonly query: Query<T>;
  private plan: Plan | undefined;

  constructor(reader: Reader, query: Query<T>) {
    this.reader = reader;
    this.query = query;
  }

  /**
   * Fills the page. @param patience the number of entries that are looked at in vain before another plan is asked for.
   */
  async fill(plan: Plan, patience: number): Promise<Filled> {
    this.plan = plan;
    const before = { examined: this.examined, items: this.items.length };
    const isPoor = () => {
      const examined = this.examined - before.examined;
      return examined >= patience && this.items.length - before.items < examined * poorShare;
    };
    let last: Suffix | undefined;
    for (;;) {
      const block = await plan.stream.next();
      if (block.length === 0) return { last: undefined, goesOn: false };
      for (let at = 0; at < block.length; ) {
        if (last !== undefined && this.isOver()) return { last, goesOn: false };
        if (last !== undefined && plan.isChoice && isPoor()) return { last, goesOn: true };
        const step = block.slice(at, at + this.step());
        const looked = await this.look(step);
        at += looked;
        last = step[looked - 1]!;
      }
      if (this.isOver()) {
        const follows = (await plan.stream.next()).length > 0;
        return { last: follows ? last : undefined, goesOn: false };
      }
    }
  }

  private isOver(): boolean {
    const { itemsMax, bytesMax, budget } = this.query;
    return this.items.length >= itemsMax || this.bytes >= bytesMax || budget.isSpent;
  }

  /** Returns the number of entries that the rest of the page probably needs. */
  private step(): number {
    const wanted = this.query.itemsMax - this.items.length;
    // After a few entries it is known which lookups are useful.
    const most = this.examined < stepFirst ? stepFirst : stepMax;
    const share = this.examined === 0 ? 1 : Math.max(this.items.length / this.examined, 1 / 32);
    return Math.max(1, Math.min(most, this.query.budget.left, Math.max(stepMin, Math.ceil(wanted / share))));
  }

  /** Returns how many of these match. */
  async countHits(suffixes: readonly Suffix[]): Promise<number> {
    const passing = await this.sift(suffixes);
    const found = passing.length === 0 ? [] : await this.query.resolve(passing);
    return found.filter((one) => one !== undefined).length;
  }

  private async sift(suffixes: readonly Suffix[]): Promise<readonly Suffix[]> {
    let passing = suffixes;
    for (const probe of this.plan?.probes ?? []) {
      if (passing.length === 0) break;
      passing = await probe.sift(this.reader, passing, this.query.budget);
    }
    return passing;
  }

  /** Looks at entries. @returns the number of entries that were looked at. */
  private async look(step: readonly Suffix[]): Promise<number> {
    const passing = await this.sift(step);
    for (let at = 0; at < passing.length; ) {
      // Entries that were looked up already are looked at to the end of a group, even if that spends the budget.
      if (at > 0 && this.isOver()) return this.upTo(step, passing[at - 1]!);
      const wanted = this.query.itemsMax - this.items.length;
      const group = passing.slice(at, at + Math.min(wanted, recordsReadTogether));
      const found = await this.query.resolve(group);
      const taken = this.take(found);
      at += taken;
      if (taken < group.length) return this.upTo(step, passing[at - 1]!);
    }
    this.examined += step.length;
    return step.length;
  }

  private upTo(step: readonly Suffix[], last: Suffix): number {
    const looked = step.indexOf(last) + 1;
    this.examined += looked;
    return looked;
  }

  /** Takes the found items. @returns the number taken before the page was full. */
  private take(found: readonly (Found<T> | undefined)[]): number {
    const { itemsMax, bytesMax } = this.query;
    for (const [at, one] of found.entries()) {
      if (one === undefined) continue;
      this.items.push(one.item);
      this.bytes += one.bytes;
      if (this.items.length >= itemsMax || this.bytes >= bytesMax) return at + 1;
    }
    return found.length;
  }
}
