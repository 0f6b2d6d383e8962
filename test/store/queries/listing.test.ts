/** How pages end, what they hold, and whose their tokens are. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import type { Store } from '../../../src/store/open.ts';
import { inconsistencies } from '../../support/naive.ts';
import { beginning, kinds } from '../../support/restart.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { principalOf, queryOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

let opened: TestStore;
beforeEach(async () => {
  opened = await openTestStore();
  onTestFinished(() => opened[Symbol.asyncDispose]());
});

function push(name: string, said: Partial<Parameters<typeof specOf>[0]> = {}, who: Principal = tester) {
  return opened.store.uploads.create(who, specOf({ session: 's', ...said, name }), Buffer.from(name));
}

type Query = Parameters<typeof queryOf>[1];

/** Every page of a listing. */
async function pages(store: Store, query: Query = {}): Promise<(readonly Artifact[])[]> {
  const all: (readonly Artifact[])[] = [];
  for (let pageToken = ''; ; ) {
    const page = await store.listing.artifacts(tester, queryOf('s', { ...query, pageToken }));
    all.push(page.items);
    pageToken = page.nextPageToken;
    if (pageToken === '') return all;
  }
}

describe('a page of artifacts', () => {
  it('ends when its records hold 1 MiB', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`k${at}`, 'v'.repeat(1_024)]));
    const count = 320;
    await Promise.all(Array.from({ length: count }, (_, at) => push(`n${at}`, { metadata })));
    for (const query of [{}, { allVersions: true }, { oldestFirst: true }]) {
      const all = await pages(opened.store, { ...query, pageSize: limits.pageSizeMax });
      const sizes = all.map((page) => page.reduce((sum, one) => sum + JSON.stringify(one).length, 0));
      // One record more than fits, and an artifact is written a little longer than its record.
      const tolerance = 32 * 1_024;
      expect(sizes.length).toBeGreaterThan(2);
      for (const size of sizes) expect(size).toBeLessThan(limits.pageBytesMax + tolerance);
      // It is ended by that and by nothing else.
      for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(limits.pageBytesMax / 1.2);
      expect(new Set(all.flat().map(({ id }) => id)).size).toBe(count);
    }
  });

  it('that is full says whether anything follows', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await push(name);
    for (const query of [{}, { allVersions: true }, { oldestFirst: true, allVersions: true }]) {
      expect((await pages(opened.store, { ...query, pageSize: 2 })).map((page) => page.length)).toEqual([
        2, 2,
      ]);
      expect((await pages(opened.store, { ...query, pageSize: 3 })).map((page) => page.length)).toEqual([
        3, 1,
      ]);
      expect((await pages(opened.store, { ...query, pageSize: 4 })).map((page) => page.length)).toEqual([4]);
    }
  });

  it('of a name whose latest version is gone is empty', async () => {
    await push('a');
    await push('b');
    await opened.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('2'));
    const named = { name: 'a' };
    const versionsOf = async (query: Query) =>
      (await pages(opened.store, query)).map((page) => page.map(({ version }) => version));
    expect(await versionsOf(named)).toEqual([[2]]);
    expect(await versionsOf({ ...named, pageSize: 1 })).toEqual([[2]]);
    await opened.store.artifacts.delete(tester, target('s', 'a'));
    expect(await versionsOf(named)).toEqual([[]]);
    expect(await versionsOf({ ...named, allVersions: true })).toEqual([[1]]);
    await opened.store.uploads.create(
      tester,
      specOf({ session: 's', name: 'a', ttlMs: 1_000 }),
      Buffer.from('3'),
    );
    expect(await versionsOf(named)).toEqual([[3]]);
    opened.clock.now += 1_000;
    expect(await versionsOf(named)).toEqual([[]]);
    expect(await versionsOf({ ...named, allVersions: true })).toEqual([[1]]);
    expect(await versionsOf({ name: 'nope' })).toEqual([[]]);
  });

  it('does not show what a session of a similar name has', async () => {
    await push('a');
    await push('b', { session: 's2' });
    await push('ab');
    expect((await pages(opened.store)).flat().map(({ name }) => name)).toEqual(['ab', 'a']);
    expect((await pages(opened.store, { name: 'a', allVersions: true })).flat()).toHaveLength(1);
  });
});

describe('a page token', () => {
  const invalid = { reason: 'PAGE_TOKEN_INVALID', violations: [{ field: 'page_token' }] };
  const elsewhere = principalOf({ namespace: 'other' });
  const somebody = principalOf({ subject: 'somebody' });
  const list = (who: Principal, query: Query) => opened.store.listing.artifacts(who, queryOf('s', query));

  beforeEach(async () => {
    await opened.store.namespaces.ensure(elsewhere.namespace);
    for (const who of [tester, elsewhere]) for (const name of ['a', 'b', 'c']) await push(name, {}, who);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it.each([{}, { allVersions: true }, { name: 'a', allVersions: true }])(
    'of a listing of artifacts (%o) is the caller’s own',
    async (query) => {
      for (const content of ['2', '3'])
        await opened.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from(content));
      const { nextPageToken: pageToken } = await list(tester, { ...query, pageSize: 1 });
      expect(pageToken).not.toBe('');
      await expect(list(somebody, { ...query, pageToken })).rejects.toMatchObject(invalid);
      await expect(list(elsewhere, { ...query, pageToken })).rejects.toMatchObject(invalid);
      expect((await list(tester, { ...query, pageToken })).items.length).toBeGreaterThan(0);
      // The size of a page may change on the way.
      expect((await list(tester, { ...query, pageToken, pageSize: 1 })).items).toHaveLength(1);
    },
  );

  it('of a listing of sessions is the caller’s own', async () => {
    const page = (who: Principal, pageToken: string) =>
      opened.store.listing.sessions(who, { oldestFirst: false, filter: '', pageSize: 1, pageToken });
    await push('a', { session: 't' });
    await push('a', { session: 't' }, elsewhere);
    const { nextPageToken } = await page(tester, '');
    await expect(page(somebody, nextPageToken)).rejects.toMatchObject(invalid);
    await expect(page(elsewhere, nextPageToken)).rejects.toMatchObject(invalid);
    expect((await page(tester, nextPageToken)).items).toMatchObject([{ id: 's' }]);
    const reversed = { oldestFirst: true, filter: '', pageSize: 1, pageToken: nextPageToken };
    await expect(opened.store.listing.sessions(tester, reversed)).rejects.toMatchObject(invalid);
  });

  it('of a name is not of another name', async () => {
    await opened.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('2'));
    const query = { allVersions: true, pageSize: 1 };
    const { nextPageToken: pageToken } = await list(tester, { ...query, name: 'a' });
    await expect(list(tester, { ...query, name: 'b', pageToken })).rejects.toMatchObject(invalid);
    await expect(list(tester, { ...query, pageToken })).rejects.toMatchObject(invalid);
  });

  it('of what is gone is the caller’s own, and of nothing else', async () => {
    await opened.store.seals.seal(tester, sessionNamed('s').id, 'failed');
    for (const name of ['a', 'b']) await opened.store.artifacts.delete(tester, target('s', name));
    const query = { showGone: true, pageSize: 1 };
    const first = await list(tester, query);
    expect(first).toMatchObject({ items: [{ name: 'c' }], gone: [] });
    const second = await list(tester, { ...query, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ items: [], gone: [{ name: 'a' }] });
    for (const { nextPageToken: pageToken } of [first, second]) {
      await expect(list(somebody, { ...query, pageToken })).rejects.toMatchObject(invalid);
      await expect(list(tester, { pageToken })).rejects.toMatchObject(invalid);
      await expect(list(tester, { ...query, pageToken: pageToken.slice(1) })).rejects.toMatchObject(invalid);
      await expect(list(tester, { ...query, oldestFirst: true, pageToken })).rejects.toMatchObject(invalid);
    }
    const third = await list(tester, { ...query, pageToken: second.nextPageToken });
    expect(third).toMatchObject({ gone: [{ name: 'b' }] });
  });
});

it.each(kinds)('a page token is good after a restart (%s), and in no other store', async (kind) => {
  const query = queryOf('s', { pageSize: 1 });
  async function filled(store: Store): Promise<string> {
    for (const name of ['a', 'b'])
      await store.uploads.create(tester, specOf({ session: 's', name }), Buffer.from('x'));
    return (await store.listing.artifacts(tester, query)).nextPageToken;
  }
  await using remains = await beginning(kind);
  const before = await remains.open();
  const pageToken = await filled(before.store);
  await before[Symbol.asyncDispose]();
  await using after = await remains.open();
  const { items } = await after.store.listing.artifacts(tester, { ...query, pageToken });
  expect(items).toMatchObject([{ name: 'a' }]);
  await filled(opened.store);
  await expect(opened.store.listing.artifacts(tester, { ...query, pageToken })).rejects.toMatchObject({
    reason: 'PAGE_TOKEN_INVALID',
  });
});
