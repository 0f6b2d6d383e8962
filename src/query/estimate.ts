/**
 * The approximate number of all matches: the driving lists are sampled at even distances in time. If entries are
 * crowded within a stretch, the estimate is too low or too high; its purpose is to distinguish a hundred from ten
 * thousand.
 */
import type { Budget } from '../domain/load/budget.ts';
import type { Reader } from '../index/door.ts';
import { type Listed, listedIn } from '../index/listed.ts';
import type { List } from './list.ts';
import { always, isPassed, rangeOf, type TimeSpan, timeOf, unsigned } from './suffix.ts';

const stretches = 32;
/** The number of entries read of each stretch. */
const sampleEntries = 24;
/** The number of these that are looked at. */
const sampleLooks = 4;
/** Fewer hits than this among all the entries looked at say little about each stretch. */
const hitsEnough = 16;

/** The part of the budget that an estimate may need, for each list. */
const estimateTouches = stretches * (sampleEntries + 3 * sampleLooks);

/** The facts that the page has shown. */
interface Seen {
  readonly examined: number;
  readonly hits: number;
}

interface Stretch {
  readonly entries: number;
  readonly looks: number;
  readonly hits: number;
}

/**
 * Estimates the number of matches.
 *
 * @param countHits returns how many of these entries match.
 * @returns undefined if the budget does not allow it.
 */
export async function estimate(
  reader: Reader,
  lists: readonly List[],
  span: TimeSpan,
  seen: Seen,
  budget: Budget,
  countHits: (entries: readonly Listed[]) => Promise<number>,
): Promise<number | undefined> {
  if (budget.left < estimateTouches * lists.length) return undefined;
  const sampled: Stretch[] = [];
  for (const list of lists) sampled.push(...(await sample(reader, list, span, budget, countHits)));
  const hits = sampled.reduce((sum, one) => sum + one.hits, 0);
  const looks = sampled.reduce((sum, one) => sum + one.looks, 0);
  const entries = sampled.reduce((sum, one) => sum + one.entries, 0);
  const total =
    hits >= hitsEnough
      ? sampled.reduce((sum, one) => sum + (one.looks === 0 ? 0 : (one.entries * one.hits) / one.looks), 0)
      : (entries * (hits + seen.hits)) / Math.max(1, looks + seen.examined);
  return Math.max(Math.round(total), seen.hits);
}

async function sample(
  reader: Reader,
  list: List,
  span: TimeSpan,
  budget: Budget,
  countHits: (entries: readonly Listed[]) => Promise<number>,
): Promise<Stretch[]> {
  const read = async (from: number, to: number, limit: number, oldestFirst = false) =>
    await entriesOf(reader, list, { from, to }, limit, oldestFirst, budget);
  const [newest] = await read(span.from, span.to, 1);
  const [oldest] = await read(span.from, span.to, 1, true);
  if (newest === undefined || oldest === undefined) return [];
  const start = timeOf(oldest.suffix);
  const lengthMs = Math.ceil((timeOf(newest.suffix) + 1 - start) / stretches);
  const sampled: Stretch[] = [];
  for (let at = 0; at < stretches; at++) {
    const from = start + at * lengthMs;
    const to = from + lengthMs - 1;
    const entries = await read(from, to, sampleEntries);
    const looked = entries.filter((_, order) => order % Math.ceil(sampleEntries / sampleLooks) === 0);
    const hits = looked.length === 0 ? 0 : await countHits(looked);
    sampled.push({ entries: countOf(entries, to, lengthMs), looks: looked.length, hits });
  }
  return sampled;
}

/** Returns the number of entries in a stretch of which these are the newest. */
function countOf(entries: readonly Listed[], to: number, lengthMs: number): number {
  if (entries.length < sampleEntries) return entries.length;
  const passedMs = Math.max(1, to + 1 - timeOf(entries.at(-1)!.suffix));
  return (entries.length * lengthMs) / passedMs;
}

async function entriesOf(
  reader: Reader,
  list: List,
  span: TimeSpan,
  limit: number,
  oldestFirst: boolean,
  budget: Budget,
): Promise<Listed[]> {
  const walk = { span: { ...always, ...span }, oldestFirst, after: undefined, needed: () => limit };
  if ('members' in list)
    return list.members
      .filter((one) => isPassed(one, walk))
      .slice(0, limit)
      .map(unsigned);
  for await (const block of reader.scan({ ...rangeOf(list.prefix, walk), limit })) {
    budget.spend('entries', block.length);
    return block.map(listedIn);
  }
  return [];
}
