/** Whatever happened to a store and whatever is asked: the answer is what looking at every artifact gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keys } from '../../src/index/keys.ts';
import { openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import type { Write } from '../../src/index/row.ts';
import { noSignature } from '../../src/index/signature.ts';
import { newDirectory } from '../support/command.ts';
import { writeRows } from '../support/rows.ts';
import { openTestStore, startOfTime, type TestStore } from '../support/service.ts';
import { queryOf, tester } from '../support/specs.ts';
import { isMatch, type Tree, toText, treeAround } from './filters.ts';
import { type Happening, History, happenings } from './history.ts';
import { sqliteOf } from './sqlite.ts';

async function idsOf(
  { store }: TestStore,
  filter: string,
  options: { readonly oldestFirst: boolean; readonly pageSize: number; readonly session?: string },
): Promise<string[]> {
  const ids: string[] = [];
  let pageToken = '';
  do {
    const { session, ...page } = options;
    const query = { ...queryOf(session ?? 's', { filter, pageToken, ...page }) };
    const answer = await store.listing.artifacts(
      tester,
      session === undefined ? { ...query, session: undefined } : query,
    );
    expect(answer.items.length).toBeLessThanOrEqual(options.pageSize);
    ids.push(...answer.items.map(({ id }) => id));
    pageToken = answer.nextPageToken;
  } while (pageToken !== '');
  return ids;
}

/** Makes every other row that lists an artifact one of an earlier release, without a signature. */
async function dropSignatures({ index }: TestStore): Promise<void> {
  const writes: Write[] = [];
  let count = 0;
  for (const { range } of Object.values(keys.latest))
    for await (const block of index.scan(range()))
      for (const [key] of block) if (count++ % 2 === 0) writes.push({ type: 'put', key, value: noSignature });
  if (writes.length > 0) await writeRows(index, writes);
}

async function check(
  opened: TestStore,
  happened: readonly Happening[],
  trees: readonly Tree[],
  pageSize: number,
  isMixed: boolean,
) {
  const history = new History(opened);
  for (const happening of happened) await history.happen(happening);
  if (isMixed) await dropSignatures(opened);
  const rows = history.rows();
  const database = sqliteOf(rows);
  try {
    for (const tree of trees) {
      const expected = rows.filter((row) => isMatch(tree, row)).map(({ id }) => id);
      const filter = toText(tree);
      expect({ filter, ids: database.ids(tree) }).toEqual({ filter, ids: expected });
      for (const oldestFirst of [false, true]) {
        const wanted = oldestFirst ? expected.toReversed() : expected;
        expect({ filter, ids: await idsOf(opened, filter, { oldestFirst, pageSize }) }).toEqual({
          filter,
          ids: wanted,
        });
      }
      await checkSession(opened, history, tree, pageSize);
    }
  } finally {
    database.close();
  }
}

/** The same within a session, and over all its versions. */
async function checkSession(opened: TestStore, history: History, tree: Tree, pageSize: number) {
  const session = 's1';
  const living = history.living().filter((artifact) => artifact.session === session);
  if (![...history.artifacts.values()].some((artifact) => artifact.session === session)) return;
  const filter = toText(tree);
  const latest = history.rows().filter((row) => row.session === session && isMatch(tree, row));
  expect(await idsOf(opened, filter, { oldestFirst: false, pageSize, session })).toEqual(
    latest.map(({ id }) => id),
  );
  const versions = living.filter((artifact) => isMatch(tree, history.rowOf(artifact))).map(({ id }) => id);
  const answer = await opened.store.listing.artifacts(
    tester,
    queryOf(session, { filter, allVersions: true, pageSize: 1_000 }),
  );
  expect(answer.items.map(({ id }) => id)).toEqual(versions);
}

const trees = fc.array(treeAround(startOfTime), { minLength: 1, maxLength: 6 });

describe('queries', { timeout: 120_000 }, () => {
  it('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(
        happenings,
        trees,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (happened, asked, pageSize, isMixed) => {
          await using opened = await openTestStore();
          await check(opened, happened, asked, pageSize, isMixed);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('in LevelDB', async () => {
    await fc.assert(
      fc.asyncProperty(
        happenings,
        trees,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (happened, asked, pageSize, isMixed) => {
          const directory = await newDirectory();
          const clock = { now: startOfTime };
          const index = await openLevelIndex({
            directory: `${directory}/index`,
            markPath: `${directory}/mark`,
            clock: () => clock.now,
          });
          await using opened = { ...(await openTestStore({ index })), clock };
          await check(opened, happened, asked, pageSize, isMixed);
        },
      ),
      { numRuns: 15 },
    );
  });
});
