import { expect, test } from 'vitest';
import { textOf } from '../../../src/index/bytes.ts';
import { commitRange, keys } from '../../../src/index/keys.ts';
import type { Key } from '../../../src/index/row.ts';
import { writeRows } from '../../support/rows.ts';
import { allKeys, fill, openRig, rowsIn } from './verify-rig.ts';

test('a reindex writes what is derived, from the records alone', async () => {
  await using rig = await openRig();
  await fill(rig);
  const derived: { type: 'del'; key: Key }[] = [];
  // The name of a session that is gone is derived from nothing.
  for (const family of [
    keys.latest.byTime,
    keys.latest.byMetadata,
    keys.sessions.byTime,
    keys.artifacts.version,
    keys.sessions.name,
  ])
    for (const [key, value] of await rowsIn(rig.index, family.range()))
      if (family !== keys.sessions.name || keys.sessions.name.decode(value).goneSince === undefined)
        derived.push({ type: 'del' as const, key });
  const before = (await allKeys(rig.rows)).map(textOf);
  const report = await rig.check();
  await writeRows(rig.index, derived);
  await rig.repair(report, true);
  expect((await rig.check()).findings).toEqual([]);
  expect((await allKeys(rig.rows)).map(textOf)).toEqual(before);
  expect(commitRange.gte[0]).toBe(keys.store.commit.code);
});
