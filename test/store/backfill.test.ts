/** A store of before there were some rows gets them when it is opened. */
import { expect, it } from 'vitest';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { keys } from '../../src/index/keys.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import type { Write } from '../../src/index/row.ts';
import { inconsistencies } from '../support/naive.ts';
import { writeRows } from '../support/rows.ts';
import { openTestStore } from '../support/service.ts';
import { sessionNamed, tester } from '../support/specs.ts';

it('sessions are listed by state, also where that was interrupted before', async () => {
  const rows = new MemoryRows();
  const blobs = openMemoryBlobs();
  {
    await using opened = await openTestStore({ index: await openMemoryIndex({ rows }), blobs });
    for (let at = 0; at < 450; at++) await opened.store.sessions.open(tester, sessionNamed(`s${at}`));
    const { id } = sessionNamed('s7');
    await opened.store.seals.seal(tester, id, 'failed');
    // As an earlier version would have left it, but for a few rows that a start had written before it was stopped.
    const writes: Write[] = [{ type: 'del', key: keys.store.setting.key('sessionStates') }];
    for await (const block of opened.index.scan(keys.sessions.byState.range()))
      writes.push(...block.slice(50).map(([key]): Write => ({ type: 'del', key })));
    await writeRows(opened.index, writes);
    expect(await inconsistencies(opened.index, blobs)).not.toEqual([]);
  }
  await using opened = await openTestStore({ index: await openMemoryIndex({ rows }), blobs });
  expect(await inconsistencies(opened.index, blobs)).toEqual([]);
  const query = { oldestFirst: false, filter: 'session.outcome = FAILED', pageSize: 10, pageToken: '' };
  const page = await opened.store.listing.sessions(tester, query);
  expect(page.items).toMatchObject([{ id: 's7' }]);
  expect(page.explain()).toMatchObject({ driver: 'session.outcome = "FAILED"', entriesRead: 1 });
});

it('API keys that end are queued for the reaper', async () => {
  const rows = new MemoryRows();
  const blobs = openMemoryBlobs();
  {
    await using opened = await openTestStore({ index: await openMemoryIndex({ rows }), blobs });
    const { namespace } = tester;
    const common = { namespace, description: '', scopes: ['read'] as const, operator: false };
    const { key } = await opened.store.apiKeys.create({ ...common, expireTime: undefined });
    await opened.store.apiKeys.revoke(key.id);
    await opened.store.apiKeys.create({ ...common, expireTime: 9_999_999_999_999 });
    await opened.store.apiKeys.create({ ...common, expireTime: undefined });
    const writes: Write[] = [{ type: 'del', key: keys.store.setting.key('endedKeys') }];
    for await (const block of opened.index.scan(keys.calls.expiry.range()))
      writes.push(...block.map(([row]): Write => ({ type: 'del', key: row })));
    expect(writes).toHaveLength(3);
    await writeRows(opened.index, writes);
  }
  await using opened = await openTestStore({ index: await openMemoryIndex({ rows }), blobs });
  expect(await inconsistencies(opened.index, blobs)).toEqual([]);
});
