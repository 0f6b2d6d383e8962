/** Tests of the entries of one list against others: each is one point lookup, since an entry's key is fully known. */
import { Buffer } from 'node:buffer';
import type { Budget } from '../domain/load/budget.ts';
import type { Reader } from '../index/door.ts';
import type { Listed } from '../index/listed.ts';
import { isSigned } from '../index/signature.ts';
import type { List } from './list.ts';
import { keyAt, type Suffix } from './suffix.ts';

/**
 * After this number of lookups of which this share has passed, it is cheaper to read the records at once: a lookup costs two
 * fifths of that, or more if the record is in memory. See docs/decisions/0062-rows-in-memory.md. Fewer would mislead:
 * artifacts that follow one another are often of one session, and have much in common.
 */
const trialProbes = 64;
const uselessPassShare = 0.5;

/**
 * Lets an entry pass that is in one of these lists, or that is in none of them. Entries that pass must still be looked
 * at.
 */
export class Probe {
  private readonly describe: () => string;
  private readonly lists: readonly List[];
  private readonly passes: 'in' | 'notIn';
  private readonly isOfFact: boolean;
  private asked = 0;
  private passed = 0;

  /**
   * @param describe says for people what is tested.
   * @param isOfFact whether signatures say the same: entries that have one pass without a look-up.
   */
  constructor(describe: () => string, lists: readonly List[], passes: 'in' | 'notIn', isOfFact: boolean) {
    this.describe = describe;
    this.lists = lists;
    this.passes = passes;
    this.isOfFact = isOfFact;
  }

  /** For people. */
  get what(): string {
    return this.describe();
  }

  /** Returns the entries that pass. */
  async sift(reader: Reader, entries: readonly Listed[], budget: Budget): Promise<readonly Listed[]> {
    if (this.asked >= trialProbes && this.passed >= this.asked * uselessPassShare) return entries;
    const isIn = this.isOfFact
      ? entries.map(({ signature }) => isSigned(signature))
      : new Array<boolean>(entries.length).fill(false);
    const asked = isIn.filter((passes) => !passes).length;
    if (asked === 0) return entries;
    for (const list of this.lists) {
      const open = entries.flatMap((_, at) => (isIn[at] ? [] : [at]));
      if (open.length === 0) break;
      const suffixes = open.map((at) => entries[at]!.suffix);
      const found = await contains(reader, list, suffixes, budget);
      for (const [order, at] of open.entries()) isIn[at] = found[order]!;
    }
    const passing = entries.filter((_, at) => isIn[at] === (this.passes === 'in'));
    this.asked += asked;
    this.passed += asked - (entries.length - passing.length);
    return passing;
  }
}

async function contains(
  reader: Reader,
  list: List,
  suffixes: readonly Suffix[],
  budget: Budget,
): Promise<boolean[]> {
  if ('members' in list)
    return suffixes.map((suffix) => list.members.some((member) => Buffer.compare(member, suffix) === 0));
  budget.spend('probes', suffixes.length);
  const values = await reader.getMany(suffixes.map((suffix) => keyAt(list.prefix, suffix)));
  return values.map((value) => value !== undefined);
}
