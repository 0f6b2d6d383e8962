/** Sessions with more in common than a call may touch: it answers with what it has, and where to go on. */
import { expect, it } from 'vitest';
import { artifactId, idMinter, type SessionUid } from '../../../src/domain/ids.ts';
import { limits } from '../../../src/domain/limits.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import type { ArtifactRecord } from '../../../src/index/records.ts';
import type { Write } from '../../../src/index/row.ts';
import type { Difference } from '../../../src/store/queries/comparison.ts';
import { writeRows } from '../../support/rows.ts';
import { openTestStore } from '../../support/service.ts';
import { specOf, target, tester } from '../../support/specs.ts';

/** Each takes a row and a record of either session: one call and a half. */
const commonCount = (limits.queryTouchesMax * 3) / 8;

async function uidOf(index: Index, session: string): Promise<SessionUid> {
  return keys.sessions.name.decode((await index.get(keys.sessions.name.key('default', session)))!).uid;
}

/** Names like `common/00042` with the content of `original`, as far as a comparison reads them. */
async function addCommon(
  index: Index,
  uid: SessionUid,
  original: ArtifactRecord,
  seed: number,
): Promise<void> {
  const mint = idMinter((length) => new Uint8Array(length).fill(seed));
  let writes: Write[] = [];
  const write = () => writeRows(index, writes);
  for (let at = 0; at < commonCount; at++) {
    const id = artifactId(mint(original.createTime + 1));
    const name = `common/${String(at).padStart(5, '0')}`;
    writes.push(
      keys.artifacts.record.put(['default', id], { ...original, uid, id, name }),
      keys.artifacts.head.put(['default', uid, name], { nextVersion: 2, latest: id }),
    );
    if (writes.length < 2_000) continue;
    await write();
    writes = [];
  }
  await write();
}

it('a page may be short, far from the end', { timeout: 60_000 }, async () => {
  await using opened = await openTestStore();
  for (const session of ['s', 't'])
    for (const name of ['after', 'between', 'last'])
      await opened.store.uploads.create(tester, specOf({ session, name }), Buffer.from(session));
  await opened.store.artifacts.delete(tester, target('s', 'between'));
  const { id } = await opened.store.artifacts.get(tester, target('s', 'after'));
  const original = keys.artifacts.record.decode(
    (await opened.index.get(keys.artifacts.record.key('default', id)))!,
  );
  for (const [at, session] of ['s', 't'].entries())
    await addCommon(opened.index, await uidOf(opened.index, session), original, at + 1);

  const pages: (readonly Difference[])[] = [];
  let pageToken = '';
  do {
    const page = await opened.store.comparison.compare(tester, {
      base: parseSessionId('base', 's'),
      session: parseSessionId('session', 't'),
      showUnchanged: false,
      pageSize: 100,
      pageToken,
    });
    pages.push(page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(pages.map((page) => page.map(({ name, kind }) => `${name} ${kind}`))).toEqual([
    ['after content', 'between added'],
    ['last content'],
  ]);
});
