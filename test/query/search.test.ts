/** The engine alone, over lists of any shape: long ones, bursts, lists that lie apart; and what it may touch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/domain/load/budget.ts';
import { doorLimits, type ListReader } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { facts, noSignature, signatureOf } from '../../src/index/signature.ts';
import { type Condition, matcher } from '../../src/query/condition.ts';
import type { Catalog } from '../../src/query/list.ts';
import { Search } from '../../src/query/search.ts';
import { inverted, type Suffix } from '../../src/query/suffix.ts';
import { page } from '../../src/store/look/page.ts';
import { writeRows } from '../support/rows.ts';

/** Where things lie in time, and which lists each is in. */
interface Thing {
  readonly time: number;
  readonly lists: ReadonlySet<string>;
  readonly suffix: Suffix;
}

const start = 1_767_323_045_000;

function thing(at: number, time: number, lists: Iterable<string>): Thing {
  const id = Buffer.alloc(16);
  id.writeUIntBE(time, 0, 6);
  id.writeUInt32BE(at, 12);
  return { time, lists: new Set(lists), suffix: inverted(id) };
}

const all = 'all';
const prefixOf = (list: string) => Buffer.from(`${list}\0`);

const catalog: Catalog = {
  all: { prefix: prefixOf(all), what: 'time' },
  listOf: (field, test) => {
    if (!('key' in field) || test.is !== 'equal') return undefined;
    return { prefix: prefixOf(test.text), what: test.text };
  },
  factOf: (field, test) =>
    'key' in field && test.is === 'equal' ? facts.metadata(field.key, test.text) : undefined,
};

/** @param isSigned default: no row has a signature, so that everything must be looked up. */
async function readerOf(
  things: readonly Thing[],
  isSigned: (at: number) => boolean = () => false,
): Promise<ListReader & AsyncDisposable> {
  const index = await openMemoryIndex();
  let count = 0;
  const writes = things.flatMap(({ suffix, lists }) => {
    const signature = signatureOf([...lists].map((list) => facts.metadata('in', list)));
    return [all, ...lists].map((list) => ({
      type: 'put' as const,
      key: Buffer.concat([prefixOf(list), suffix]),
      value: isSigned(count++) ? signature : noSignature,
    }));
  });
  for (let at = 0; at < writes.length; at += 4_000) await writeRows(index, writes.slice(at, at + 4_000));
  const snapshot = index.snapshot();
  return {
    get: (key) => snapshot.get(key),
    getMany: (keys) => snapshot.getMany(keys),
    scan: (range) => snapshot.scan(range),
    list: (list, range) => snapshot.list(list, range),
    [Symbol.asyncDispose]: async () => {
      await snapshot[Symbol.asyncDispose]();
      await index.close();
    },
  };
}

const isIn = (list: string): Condition => ({
  kind: 'test',
  field: { name: 'metadata', key: 'in' },
  test: { is: 'equal', text: list },
});
const from = (number: number): Condition => ({
  kind: 'test',
  field: { name: 'create_time' },
  test: { is: 'number', order: '>=', number },
});
const and = (...of: Condition[]): Condition => ({ kind: 'and', of });

/** Asked for one list at a time, since a thing may be in several. */
function meets(condition: Condition, one: Thing): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.of.every((part) => meets(part, one));
    case 'or':
      return condition.of.some((part) => meets(part, one));
    case 'not':
      return !meets(condition.of, one);
    case 'test':
      if (condition.test.is === 'equal') return one.lists.has(condition.test.text);
      return matcher(condition, () => one.time)(one);
  }
}

interface Asked {
  readonly oldestFirst?: boolean;
  readonly itemsMax?: number;
  readonly touchesMax?: number;
  readonly after?: Suffix | undefined;
  readonly estimates?: boolean;
}

async function ask(
  reader: ListReader,
  things: readonly Thing[],
  condition: Condition | undefined,
  asked: Asked,
) {
  const bySuffix = new Map(things.map((one) => [Buffer.from(one.suffix).toString('hex'), one]));
  const limit = asked.touchesMax ?? 20_000;
  const reserve = Math.min(1.5 * doorLimits.scanBlockEntriesMax, limit / 8);
  const budget = new Budget({ limit, reserve });
  const end = { itemsMax: asked.itemsMax ?? 100, bytesMax: 1_000_000, budget };
  const search = new Search<Thing>(reader, {
    ...end,
    condition,
    catalog,
    oldestFirst: asked.oldestFirst ?? false,
    after: asked.after,
    resolve: async (suffixes) => {
      budget.spend('records', suffixes.length);
      return suffixes.map((suffix) => {
        const one = bySuffix.get(Buffer.from(suffix).toString('hex'))!;
        return condition === undefined || meets(condition, one) ? { item: one, bytes: 1 } : undefined;
      });
    },
  });
  const { items, last } = await page(search, end);
  const isWhole = last === undefined && asked.after === undefined;
  const total = asked.estimates !== true ? undefined : isWhole ? items.length : await search.estimate();
  return { result: { items, last: last?.suffix, total, explanation: search.explanation }, budget };
}

async function pages(
  reader: ListReader,
  things: readonly Thing[],
  condition: Condition | undefined,
  asked: Asked,
) {
  const found: Thing[] = [];
  let after: Suffix | undefined;
  for (let page = 0; page < 10_000; page++) {
    const { result } = await ask(reader, things, condition, { ...asked, after });
    found.push(...result.items);
    after = result.last;
    if (after === undefined) return found;
  }
  throw new Error('the pages do not end');
}

const lists = ['a', 'b', 'c', 'd'];
const condition: fc.Arbitrary<Condition> = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...lists, 'empty').map(isIn),
    fc.integer({ min: 0, max: 4_000 }).map((ms) => from(start + ms)),
    fc.record({
      kind: fc.constantFrom('and' as const, 'and' as const, 'or' as const),
      of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }),
    tie('tree').map((of): Condition => ({ kind: 'not', of })),
  ),
})).tree;

/** Stretches of time in which things belong to the same lists, some of them crowded. */
const things = fc
  .array(
    fc.record({
      lists: fc.subarray(lists),
      count: fc.integer({ min: 1, max: 120 }),
      everyMs: fc.constantFrom(0, 1, 30),
    }),
    { maxLength: 8 },
  )
  .map((stretches) => {
    let time = start;
    let count = 0;
    return stretches.flatMap((stretch) =>
      Array.from({ length: stretch.count }, () => {
        time += stretch.everyMs;
        return thing(count++, time, stretch.lists);
      }),
    );
  });

describe('any condition over any lists', () => {
  it('gives what looking at everything gives, page by page, whatever a page may touch', async () => {
    await fc.assert(
      fc.asyncProperty(
        things,
        condition,
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(1, 50, 20_000),
        fc.constantFrom(0, 1, 2, 3),
        async (made, wanted, oldestFirst, itemsMax, touchesMax, unsigned) => {
          await using reader = await readerOf(made, (at) => at % 3 >= unsigned);
          const expected = made.filter((one) => meets(wanted, one));
          if (!oldestFirst) expected.reverse();
          const found = await pages(reader, made, wanted, { oldestFirst, itemsMax, touchesMax });
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  }, 120_000);
});

/** Things at even distances; the `at`-th is in a list if `at` is a multiple of what is given for it. */
function evenly(count: number, every: Readonly<Record<string, number>>): Thing[] {
  return Array.from({ length: count }, (_, at) =>
    thing(
      at,
      start + at * 10,
      Object.keys(every).filter((list) => at % every[list]! === 0),
    ),
  );
}

describe('what a call touches', () => {
  it('follows the shortest list', async () => {
    const made = evenly(50_000, { rare: 500, some: 50, many: 5 });
    await using reader = await readerOf(made);
    const wanted = and(isIn('many'), isIn('rare'), isIn('some'));
    for (const oldestFirst of [false, true]) {
      const { result, budget } = await ask(reader, made, wanted, { oldestFirst, itemsMax: 1_000 });
      expect(result.items).toHaveLength(100);
      expect(result.explanation.driver).toBe('rare');
      expect(result.explanation.tests).toEqual(['metadata."in" = "some"', 'metadata."in" = "many"']);
      // Every entry is a hit here: it is read, probed twice at most and its record read.
      expect(budget.limit - budget.left).toBeLessThan(100 * 5);
    }
  }, 60_000);

  it('is the page, a few entries of each list, and no record in vain where rows have signatures', async () => {
    const made = evenly(5_000, { many: 2, some: 3 });
    await using reader = await readerOf(made, () => true);
    const { result, budget } = await ask(reader, made, and(isIn('many'), isIn('some')), {});
    expect(result.items).toHaveLength(100);
    expect([budget.used('probes'), budget.used('records')]).toEqual([0, 100]);
    // Of `some`, each second entry matches; what is read ahead is an eighth.
    expect(budget.used('entries')).toBeLessThan(200 * (9 / 8) + 4 * 16);
  });

  it('is little where lists lie apart in time', async () => {
    const made = [
      ...Array.from({ length: 5_000 }, (_, at) => thing(at, start + at, ['early'])),
      ...Array.from({ length: 5_000 }, (_, at) => thing(5_000 + at, start + 10_000 + at, ['late'])),
    ];
    await using reader = await readerOf(made);
    for (const oldestFirst of [false, true]) {
      const { result, budget } = await ask(reader, made, and(isIn('early'), isIn('late')), { oldestFirst });
      expect(result).toMatchObject({ items: [], last: undefined });
      expect(budget.limit - budget.left).toBeLessThan(200);
    }
  }, 60_000);

  it('follows the list that is short from there on, if the first entries have misled', async () => {
    // Of `crowded` the ends are as dense as can be, and between them there is little; `even` is even.
    const made = Array.from({ length: 40_000 }, (_, at) => {
      const isCrowded = at < 40 || at >= 39_960 || at % 400 === 0;
      return thing(at, start + at * 10, [
        ...(isCrowded ? ['crowded'] : []),
        ...(at % 4 === 0 ? ['even'] : []),
      ]);
    });
    await using reader = await readerOf(made);
    for (const oldestFirst of [false, true]) {
      const wanted = and(isIn('crowded'), isIn('even'));
      const { result, budget } = await ask(reader, made, wanted, { oldestFirst, itemsMax: 1_000 });
      expect(result).toMatchObject({ last: undefined, explanation: { driver: 'even, then crowded' } });
      expect(result.items).toHaveLength(made.filter((one) => meets(wanted, one)).length);
      expect(budget.limit - budget.left).toBeLessThan(5_000);
    }
  }, 60_000);

  it('ends a page when it is spent, also an empty one, and says where to go on', async () => {
    const made = evenly(5_000, { even: 2, odd: 5 }).map((one, at) =>
      thing(at, one.time, one.lists.has('even') ? ['even'] : one.lists),
    );
    await using reader = await readerOf(made);
    const wanted = and(isIn('even'), isIn('odd'));
    const { result, budget } = await ask(reader, made, wanted, { touchesMax: 500 });
    expect(result.items).toEqual([]);
    expect(result.last).toBeDefined();
    expect(budget.limit - budget.left).toBeLessThan(2_000);
    expect(await pages(reader, made, wanted, { touchesMax: 500 })).toEqual([]);
  });
});

describe('how many there are in all', () => {
  const total = async (made: readonly Thing[], wanted: Condition | undefined, asked: Asked = {}) => {
    await using reader = await readerOf(made);
    const { result } = await ask(reader, made, wanted, { estimates: true, ...asked });
    return result.total;
  };

  it('is exact where the page holds them all', async () => {
    const made = evenly(500, { some: 10 });
    expect(await total(made, isIn('some'))).toBe(50);
    expect(await total(made, isIn('empty'))).toBe(0);
  });

  it.each([
    ['a list', 20_000, { some: 4 }, isIn('some'), 5_000],
    ['two lists', 20_000, { some: 4, half: 2, third: 3 }, and(isIn('half'), isIn('third')), 3_333],
    ['everything', 20_000, {}, undefined, 20_000],
    [
      'what only the records tell',
      20_000,
      { third: 3 },
      { kind: 'not', of: isIn('third') } as Condition,
      13_333,
    ],
    ['part of the time', 20_000, { some: 4 }, and(isIn('some'), from(start + 100_000)), 2_500],
  ])(
    'is within a factor of two for %s',
    async (_what, count, every, wanted, exact) => {
      const estimated = await total(evenly(count, every), wanted);
      expect(estimated).toBeGreaterThan(exact / 2);
      expect(estimated).toBeLessThan(exact * 2);
    },
    60_000,
  );

  it('is not told if it would cost more than the call may', async () => {
    expect(await total(evenly(2_000, { some: 2 }), isIn('some'), { touchesMax: 500 })).toBeUndefined();
  });
});
