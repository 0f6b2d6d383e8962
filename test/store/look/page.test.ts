/** The loop that fills a page, over sources of any shape. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget } from '../../../src/domain/load/budget.ts';
import { page } from '../../../src/store/look/page.ts';

/** An entry and the size of its item; no item: 0. */
interface Entry {
  readonly at: number;
  readonly bytes: number;
}

interface Shape {
  readonly blocks: number;
  readonly together: number;
}

/** What follows `after`, in blocks; each entry costs one record. */
function sourceOf(entries: readonly Entry[], after: Entry | undefined, shape: Shape, budget: Budget) {
  let looked = 0;
  const rest = entries.slice(after === undefined ? 0 : after.at + 1);
  return {
    looked: () => looked,
    async *entries() {
      for (let at = 0; at < rest.length; at += shape.blocks) yield rest.slice(at, at + shape.blocks);
    },
    look: async (some: readonly Entry[]) => {
      const group = some.slice(0, shape.together);
      looked += group.length;
      budget.spend('records', group.length);
      return group.map((item) => (item.bytes === 0 ? undefined : { item, bytes: item.bytes }));
    },
  };
}

const shapes = fc.record({
  blocks: fc.integer({ min: 1, max: 9 }),
  together: fc.integer({ min: 1, max: 9 }),
});
const entries = fc
  .array(fc.integer({ min: 0, max: 4 }), { maxLength: 40 })
  .map((sizes) => sizes.map((bytes, at) => ({ at, bytes })));
const ends = fc.record({
  itemsMax: fc.integer({ min: 1, max: 7 }),
  bytesMax: fc.integer({ min: 1, max: 20 }),
  endsBeforeItem: fc.boolean(),
});

describe('over any source', () => {
  it('the pages together are all items, in order, and each ends where it must', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries,
        shapes,
        ends,
        fc.integer({ min: 1, max: 60 }),
        async (all, shape, end, limit) => {
          const found: Entry[] = [];
          let after: Entry | undefined;
          for (let pages = 0; ; pages++) {
            expect(pages).toBeLessThanOrEqual(all.length);
            const budget = new Budget({ limit });
            const { items, last } = await page(sourceOf(all, after, shape, budget), { ...end, budget });
            found.push(...items);
            expect(items.length).toBeLessThanOrEqual(end.itemsMax);
            // Only the last item may reach the size.
            const before = items.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0);
            expect(before).toBeLessThan(end.bytesMax);
            if (last === undefined) break;
            expect(last.at).toBeGreaterThan(after?.at ?? -1);
            expect(last.at).toBeLessThan(all.length - 1);
            after = last;
          }
          expect(found).toEqual(all.filter(({ bytes }) => bytes > 0));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('without a budget that ends, a page is as full as it can be, whatever the blocks are', async () => {
    await fc.assert(
      fc.asyncProperty(entries, shapes, shapes, ends, async (all, one, other, end) => {
        const filled = async (shape: Shape) =>
          await page(sourceOf(all, undefined, shape, new Budget({ limit: 1e9 })), end);
        expect(await filled(one)).toEqual(await filled(other));
      }),
      { numRuns: 300 },
    );
  });

  it('a page that ends before an item promises only pages with items', async () => {
    await fc.assert(
      fc.asyncProperty(entries, shapes, ends, async (all, shape, end) => {
        const wanted = { ...end, endsBeforeItem: true };
        const source = (after: Entry | undefined) => sourceOf(all, after, shape, new Budget({ limit: 1e9 }));
        const { last } = await page(source(undefined), wanted);
        if (last !== undefined) expect((await page(source(last), wanted)).items).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

it('looks at one group whatever the budget is, and at no more when it is spent', async () => {
  const all = Array.from({ length: 20 }, (_, at) => ({ at, bytes: 1 }));
  const budget = new Budget({ limit: 100, isStopped: () => true });
  const source = sourceOf(all, undefined, { blocks: 10, together: 3 }, budget);
  expect((await page(source, { itemsMax: 10, budget })).items).toHaveLength(3);
  expect(source.looked()).toBe(3);
});

it('closes its source', async () => {
  let isClosed = false;
  async function* rows() {
    try {
      for (;;) yield [1, 2, 3];
    } finally {
      isClosed = true;
    }
  }
  const look = async (some: readonly number[]) => some.map((item) => ({ item, bytes: 0 }));
  await page({ entries: rows, look }, { itemsMax: 4 });
  expect(isClosed).toBe(true);
});
