/**
 * What every listing answers over generated stores. `answers-SEED.txt` holds the pages as the service gave them when
 * each listing had a loop of its own: a change of `src/store/look/page.ts` changes none of them.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Clients, clientsOver, type Listing, listings } from './listings.ts';
import { openWorld } from './world.ts';

const pageSizes = [2, 7, 50, 1_000];

/** All pages of a listing. */
async function pagesOf(clients: Clients, listing: Listing, pageSize: number): Promise<(readonly string[])[]> {
  const pages: (readonly string[])[] = [];
  for (let token = ''; pages.length < 2_000; ) {
    const { items, next } = await listing.page(clients, pageSize, token);
    pages.push(items);
    if (next === '') return pages;
    token = next;
  }
  throw new Error(`${listing.what} does not end`);
}

/** The lengths of pages, such as `3x7 2` for three pages of seven items and one of two. */
function lengths(pages: readonly (readonly string[])[]): string {
  const runs: { length: number; count: number }[] = [];
  for (const { length } of pages) {
    const last = runs.at(-1);
    if (last?.length === length) last.count++;
    else runs.push({ length, count: 1 });
  }
  return runs.map(({ length, count }) => (count === 1 ? `${length}` : `${count}x${length}`)).join(' ');
}

function digest(pages: readonly (readonly string[])[]): string {
  return createHash('sha256').update(pages.flat().join('\n')).digest('hex').slice(0, 16);
}

/** The items of all pages; sums of a value are added up, since a page has those of what it has read. */
function itemsOf({ what }: Listing, pages: readonly (readonly string[])[]): readonly string[] {
  // These count what one call has looked at.
  const items = pages.flat().filter((item) => !item.startsWith('of '));
  if (!what.startsWith('usage')) return items;
  const sums = new Map<string, number[]>();
  for (const item of items) {
    const [value, ...counts] = item.split(' ') as [string, ...string[]];
    sums.set(
      value,
      counts.map((count, at) => Number(count) + (sums.get(value)?.[at] ?? 0)),
    );
  }
  return [...sums].map(([value, counts]) => `${value} ${counts.join(' ')}`);
}

/** What one call reads of a content has nothing to do with rows. */
const isOfRows = ({ field }: Listing) => field === 'page_token';
/** A walk of more than one step finds again what lies before its page. With less, it would get no further. */
const walkTouchesMin = 1_500;
const isWalk = ({ what }: Listing) => what === 'derived of derived' || what === 'derived, deep';

it.each([
  [20, 20],
  [60, 15],
  [300, 8],
  [walkTouchesMin, 0],
])(
  'no item is lost or repeated if a call may touch %i things',
  { timeout: 120_000 },
  async (queryTouchesMax, spentMin) => {
    await using world = await openWorld(2);
    await using narrow = await openWorld(2, { queryTouchesMax });
    const clients = clientsOver(world.service.transport);
    const hasty = clientsOver(narrow.service.transport);
    const expected = listings(world).filter(isOfRows);
    let spent = 0;
    for (const [at, listing] of listings(narrow).filter(isOfRows).entries()) {
      if (isWalk(listing) && queryTouchesMax < walkTouchesMin) continue;
      const whole = await pagesOf(clients, expected[at]!, 1_000);
      const pages = await pagesOf(hasty, listing, 1_000);
      expect({ [listing.what]: itemsOf(listing, pages) }).toEqual({
        [listing.what]: itemsOf(listing, whole),
      });
      if (pages.length > whole.length) spent++;
    }
    // Most of them have more pages, since the budget ends them.
    expect(spent).toBeGreaterThan(spentMin);
  },
);

it.each([1, 2])('the pages of every listing, over the store %i', { timeout: 120_000 }, async (seed) => {
  await using world = await openWorld(seed);
  const clients = clientsOver(world.service.transport);
  const answers: string[] = [];
  for (const listing of listings(world))
    for (const pageSize of pageSizes) {
      const pages = await pagesOf(clients, listing, pageSize);
      answers.push(`${listing.what}, ${pageSize}: ${digest(pages)} ${lengths(pages)}`);
    }
  await expect(`${answers.join('\n')}\n`).toMatchFileSnapshot(`answers-${seed}.txt`);
});
