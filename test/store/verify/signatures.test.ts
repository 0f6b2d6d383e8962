/** fsck checks the signatures of rows that list artifacts. */
import { expect, test } from 'vitest';
import { keys } from '../../../src/index/keys.ts';
import type { Write } from '../../../src/index/row.ts';
import { isSigned, noSignature } from '../../../src/index/signature.ts';
import { writeRows } from '../../support/rows.ts';
import { fill, openRig } from './verify-rig.ts';

test('signatures that are wrong are found and mended, and rows without one are not touched', async () => {
  await using rig = await openRig();
  await fill(rig);
  const rows: { key: Uint8Array; value: Uint8Array }[] = [];
  for (const { range } of Object.values(keys.latest))
    for await (const block of rig.index.scan(range()))
      for (const [key, value] of block) rows.push({ key, value });
  expect(rows.every(({ value }) => isSigned(value))).toBe(true);
  const written = rows.map(({ key, value }, at): Write => {
    const kind = at % 3;
    if (kind === 0) return { type: 'put', key, value: noSignature };
    return { type: 'put', key, value: kind === 1 ? value : value.map((byte) => ~byte) };
  });
  await writeRows(rig.index, written);
  const report = await rig.check();
  const wrong = rows.filter((_, at) => at % 3 === 2);
  expect(report.findings.map(({ kind }) => kind)).toEqual(wrong.map(() => 'INDEX_ROW_WRONG'));
  await rig.repair(report);
  expect((await rig.check()).findings).toEqual([]);
  for (const [at, { key, value }] of rows.entries())
    expect([at, await rig.index.get(key)]).toEqual([at, Buffer.from(at % 3 === 0 ? noSignature : value)]);
});
