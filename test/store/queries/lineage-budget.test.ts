/** Lineage that is wider than a call may touch: what a page costs, and where a walk has to end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ArtifactId, artifactId, idMinter } from '../../../src/domain/ids.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Index, Reader, Snapshot } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { Write } from '../../../src/index/row.ts';
import type { LineageEdge } from '../../../src/store/queries/lineage.ts';
import { writeRows } from '../../support/rows.ts';
import { openTestStore, startOfTime, type TestStore } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';

const childCount = 25_000;
const leafCount = 5_000;
const middleCount = 60;
const belowEach = 100;

/** Rows that were read, and looks at rows that were not there. */
let touched = 0;
let opened: TestStore;
/** Has more children than a call may touch; only the last has a child. */
let wide: ArtifactId;
let children: ArtifactId[];
let grandchild: ArtifactId;
/** Has more children than can be gathered, of which none has any. */
let leafy: ArtifactId;
/** 60 children, 100 children of each, all the same child of these. */
let deep: ArtifactId;
let middles: ArtifactId[];
let below: ArtifactId[];
let last: ArtifactId;

beforeAll(async () => {
  const index = await openMemoryIndex({ clock: () => startOfTime });
  opened = await openTestStore({ index: counted(index) });
  const first = await opened.store.uploads.create(
    tester,
    specOf({ session: 's', name: 'n' }),
    Buffer.from('content'),
  );
  const add = await adder(opened.index, first.artifact.id);
  wide = first.artifact.id;
  children = await add(childCount, () => [wide]);
  [grandchild] = (await add(1, () => [children.at(-1)!])) as [ArtifactId];
  [leafy] = (await add(1, () => [])) as [ArtifactId];
  await add(leafCount, () => [leafy]);
  [deep] = (await add(1, () => [])) as [ArtifactId];
  middles = await add(middleCount, () => [deep]);
  // One after another below different ones, so that the lists have to be merged; and each tenth below two.
  below = await add(middleCount * belowEach, (at) =>
    at % 10 === 0
      ? [middles[at % middleCount]!, middles[(at + 1) % middleCount]!]
      : [middles[at % middleCount]!],
  );
  [last] = (await add(1, () => below)) as [ArtifactId];
}, 60_000);
afterAll(() => opened[Symbol.asyncDispose]());

function counted(index: Index): Index {
  const reader = <R extends Reader>(inner: R): R =>
    new Proxy(inner, {
      get(target, property) {
        if (property === 'get')
          return (key: Uint8Array) => {
            touched++;
            return target.get(key);
          };
        if (property === 'getMany')
          return (wanted: Uint8Array[]) => {
            touched += wanted.length;
            return target.getMany(wanted);
          };
        if (property === 'scan')
          return async function* (range: Parameters<Reader['scan']>[0]) {
            let found = 0;
            for await (const block of target.scan(range)) {
              found += block.length;
              yield block;
            }
            touched += Math.max(1, found);
          };
        if (property === 'snapshot') return () => reader<Snapshot>((target as unknown as Index).snapshot());
        const value = Reflect.get(target, property, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return reader(index);
}

/** Makes artifacts like one, with what lineage reads of them and nothing else. */
async function adder(index: Index, original: ArtifactId) {
  const record = keys.artifacts.record.decode(
    (await index.get(keys.artifacts.record.key('default', original)))!,
  );
  let random = 0;
  const mint = idMinter((length) => new Uint8Array(length).fill(random++ % 256));
  return async (count: number, inputsOf: (at: number) => readonly ArtifactId[]) => {
    const ids: ArtifactId[] = [];
    let writes: Write[] = [];
    const write = () => writeRows(index, writes);
    for (let at = 0; at < count; at++) {
      const id = artifactId(mint(record.createTime + 1));
      ids.push(id);
      // May be more than a push takes.
      const inputs = inputsOf(at);
      writes.push(keys.artifacts.record.put(['default', id], { ...record, id }));
      for (const input of inputs) {
        writes.push(keys.lineage.derived.put(['default', input, id], true));
        if (writes.length < 2_000) continue;
        await write();
        writes = [];
      }
    }
    await write();
    return ids;
  };
}

interface Walked {
  readonly pages: (readonly LineageEdge[])[];
  /** What each page touched. */
  readonly costs: number[];
  readonly error: unknown;
}

async function walk(id: ArtifactId, depth: number, pageSize: number): Promise<Walked> {
  const pages: (readonly LineageEdge[])[] = [];
  const costs: number[] = [];
  for (let pageToken = ''; ; ) {
    touched = 0;
    const query = { target: { id }, direction: 'derived', depth, pageSize, pageToken } as const;
    try {
      const page = await opened.store.lineage.list(tester, query);
      pages.push(page.items);
      pageToken = page.nextPageToken;
    } catch (error) {
      return { pages, costs, error };
    }
    costs.push(touched);
    if (pageToken === '') return { pages, costs, error: undefined };
  }
}

const derived = (edges: readonly LineageEdge[]) => edges.map(({ derivedId }) => derivedId);
/** What was begun when the budget was spent is finished: a block of rows, and what they lead to. */
const costMax = limits.queryTouchesMax + 2 * limits.pageSizeMax;

it('a page of one wide step costs what is on it', { timeout: 60_000 }, async () => {
  const { pages, costs, error } = await walk(wide, 1, 100);
  expect(error).toBeUndefined();
  expect(derived(pages.flat())).toEqual(children);
  expect(pages).toHaveLength(childCount / 100);
  // A row, a record and a head for each edge, a block of rows before it is known that the page is full, and the start.
  expect(Math.max(...costs)).toBeLessThan(4 * 100 + 20);
});

it('a call that finds nothing answers where to go on', { timeout: 60_000 }, async () => {
  const { pages, costs, error } = await walk(wide, 2, limits.pageSizeMax);
  expect(error).toBeUndefined();
  expect(pages.flat().filter(({ depth }) => depth === 1)).toHaveLength(childCount);
  expect(pages.flat().at(-1)).toMatchObject({ depth: 2, derivedId: grandchild, inputId: children.at(-1) });
  expect(pages.filter((page) => page.length === 0).length).toBeGreaterThan(1);
  expect(Math.max(...costs)).toBeLessThan(costMax);
});

it('a walk past more than can be gathered is refused where it gets there', { timeout: 60_000 }, async () => {
  const { pages, error } = await walk(wide, 32, limits.pageSizeMax);
  expect(pages.flat()).toHaveLength(childCount + 1);
  expect(error).toMatchObject({
    reason: 'INVALID_ARGUMENT',
    violations: [{ field: 'depth', description: expect.stringMatching(/at most 2 .*4000 edges/) }],
  });
});

it('a wide step after which nothing comes is no reason to refuse', { timeout: 60_000 }, async () => {
  const { pages, error } = await walk(leafy, 32, 700);
  expect(error).toBeUndefined();
  expect(pages.flat()).toHaveLength(leafCount);
});

it.each([37, limits.pageSizeMax])(
  'what many artifacts lead to is in order, by pages of %i',
  { timeout: 120_000 },
  async (pageSize) => {
    const { pages, costs, error } = await walk(deep, 3, pageSize);
    expect(error).toBeUndefined();
    const edges = pages.flat();
    const order = edges.map(({ depth, inputId, derivedId }) => `${depth} ${inputId} ${derivedId}`);
    expect(order).toEqual([...new Set(order)].sort());
    const ofDepth = (depth: number) => edges.filter((edge) => edge.depth === depth);
    expect(derived(ofDepth(1))).toEqual(middles);
    expect(ofDepth(2)).toHaveLength((below.length * 11) / 10);
    expect(ofDepth(3).map(({ inputId }) => inputId)).toEqual(below);
    expect(new Set(derived(ofDepth(3)))).toEqual(new Set([last]));
    expect(pages.slice(0, -1).every(({ length }) => length === pageSize)).toBe(true);
    expect(Math.max(...costs)).toBeLessThan(costMax);
    // Per page no more than the first step again and a block below each of its ends, however far it is.
    if (pageSize === 37) expect(Math.max(...costs)).toBeLessThan(20 * middleCount);
  },
);
