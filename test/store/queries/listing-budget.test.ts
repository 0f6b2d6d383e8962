/** Listings of which most shows nothing: a call touches so many rows and no more, and the listing goes on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { artifactId, idMinter } from '../../../src/domain/ids.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import type { Write } from '../../../src/index/row.ts';
import { noSignature } from '../../../src/index/signature.ts';
import { writeRows } from '../../support/rows.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { queryOf, specOf, target, tester } from '../../support/specs.ts';

let opened: TestStore;

/** One artifact before and one after more that have expired than a call may touch: each an entry and a record. */
beforeAll(async () => {
  opened = await openTestStore();
  await push('old');
  const { artifact } = await push('expired', 1_000);
  await addCopies(opened.index, artifact, limits.queryTouchesMax / 2 + 2_500);
  opened.clock.now += 10;
  await push('new');
  opened.clock.now += 1_000;
});
afterAll(() => opened[Symbol.asyncDispose]());

function push(name: string, ttlMs?: number) {
  return opened.store.uploads.create(tester, specOf({ session: 's', name, ttlMs }), Buffer.from(name));
}

/** Rows of artifacts like `original`, but for those that no listing of a session reads. */
async function addCopies(index: Index, original: Artifact, count: number): Promise<void> {
  const recordKey = keys.artifacts.record.key('default', original.id);
  const record = keys.artifacts.record.decode((await index.get(recordKey))!);
  const sessionKey = keys.sessions.record.key('default', record.uid);
  const session = keys.sessions.record.decode((await index.get(sessionKey))!);
  let random = 0;
  const mint = idMinter((length) => new Uint8Array(length).fill(random++ % 256));
  const copies = Array.from({ length: count }, (_, at) => ({
    ...record,
    id: artifactId(mint(record.createTime + 1)),
    name: `${record.name}${at}`,
    feed: record.feed + 1 + at,
  }));
  const write = (writes: readonly Write[]) => writeRows(index, writes);
  await write([keys.sessions.record.put(['default', record.uid], { ...session, feed: record.feed + count })]);
  for (let at = 0; at < count; at += 1_000)
    await write(
      copies
        .slice(at, at + 1_000)
        .flatMap((copy) => [
          keys.artifacts.record.put(['default', copy.id], copy),
          keys.latest.bySession.put(['default', copy.uid, copy.id], noSignature),
          keys.artifacts.feed.put(['default', copy.uid, copy.feed], { kind: 'committed', id: copy.id }),
        ]),
    );
}

it.each([
  ['newest first', {}, [['new'], ['old']]],
  ['oldest first', { oldestFirst: true }, [['old'], ['new']]],
  ['all versions, newest first', { allVersions: true }, [['new'], ['old']]],
  ['all versions, oldest first', { allVersions: true, oldestFirst: true }, [['old'], ['new']]],
])('a call answers with what it has found, and where to go on: %s', async (_what, query, names) => {
  const pages: string[][] = [];
  let pageToken = '';
  do {
    const page = await opened.store.listing.artifacts(tester, queryOf('s', { ...query, pageToken }));
    pages.push(page.items.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(pages).toEqual(names);
});

it('a call that has found nothing answers where to go on', async () => {
  await opened.store.artifacts.delete(tester, target('s', 'new'));
  const list = (pageToken: string) => opened.store.listing.artifacts(tester, queryOf('s', { pageToken }));
  const first = await list('');
  expect(first.items).toEqual([]);
  expect(first.nextPageToken).not.toBe('');
  expect(await list(first.nextPageToken)).toMatchObject({ items: [{ name: 'old' }], nextPageToken: '' });
});
