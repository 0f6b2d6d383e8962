import { expect, test } from 'vitest';
import { textOf } from '../../../src/index/bytes.ts';
import type { Key } from '../../../src/index/door.ts';
import { artifacts, commitRange, latest, sessions, store } from '../../../src/index/keys.ts';
import { allKeys, fill, openRig, rowsIn } from './verify-rig.ts';

test('a reindex writes what is derived, from the records alone', async () => {
  await using rig = await openRig();
  await fill(rig);
  const derived: { type: 'del'; key: Key }[] = [];
  // The name of a session that is gone is derived from nothing.
  for (const family of [latest.byTime, latest.byMetadata, sessions.byTime, artifacts.version, sessions.name])
    for (const [key, value] of await rowsIn(rig.index, family.range()))
      if (family !== sessions.name || sessions.name.decode(value).goneSince === undefined)
        derived.push({ type: 'del' as const, key });
  const before = (await allKeys(rig.rows)).map(textOf);
  const report = await rig.check();
  await rig.index.transact({ queue: '', reads: [], decide: () => ({ writes: derived, result: 0 }) });
  await rig.repair(report, true);
  expect((await rig.check()).findings).toEqual([]);
  expect((await allKeys(rig.rows)).map(textOf)).toEqual(before);
  expect(commitRange.gte[0]).toBe(store.commit.code);
});
