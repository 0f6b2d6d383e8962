/** Where inline contents are: in the order of their commits, and in stores of format 1 by their digest. */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { BlobRecord } from '../../../src/index/records.ts';
import { Contents } from '../../../src/store/contents/contents.ts';
import { previewsOf } from '../../../src/store/contents/previews.ts';
import { formatVersion } from '../../../src/store/format.ts';
import { inconsistencies } from '../../support/naive.ts';
import { bytesKeyOf, writeRows } from '../../support/rows.ts';
import { openTestStore } from '../../support/service.ts';
import { digestOf, specOf, target, tester } from '../../support/specs.ts';
import { TestTimers } from '../../support/timers.ts';
import { openRig, type Rig, rowsIn } from './verify-rig.ts';

const texts = ['the first', 'the second', 'the third'];
const [first, second, third] = texts as [string, string, string];
const digest = (text: string) => digestOf(Buffer.from(text)).sha256;

/** @param session also the name. */
async function push(rig: Rig, text: string, session = 's', name = text) {
  const pushed = await rig.store.uploads.create(tester, specOf({ session, name }), Buffer.from(text));
  rig.clock.now += 1;
  return pushed;
}

async function filled(): Promise<Rig> {
  const rig = await openRig();
  for (const text of [first, second]) await push(rig, text);
  return rig;
}

async function recordOf({ index }: Rig, text: string): Promise<BlobRecord> {
  return keys.blobs.record.decode((await index.get(keys.blobs.record.key('default', digest(text))))!);
}

async function read({ store }: Pick<Rig, 'store'>, name: string, session = 's'): Promise<string> {
  const { bytes } = await store.downloads.artifact(tester, target(session, name), {
    offset: 0,
    limit: undefined,
  });
  return Buffer.concat(await Array.fromAsync(bytes)).toString();
}

async function expectSound(rig: Rig): Promise<void> {
  expect((await rig.check({ checkContents: true })).findings).toEqual([]);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
}

/** Makes the store one of format 1 with the same contents, where that format has them, and closes it. */
async function leftByFormat1(): Promise<Rig> {
  const rig = await filled();
  for (const [key, value] of await rowsIn(rig.index, keys.blobs.bytesByTime.range())) {
    const [, ns, sha256] = keys.blobs.bytesByTime.parse(key);
    const stored = await rig.index.get(keys.blobs.record.key(ns, sha256));
    const { bytesTime: _, ...record } = keys.blobs.record.decode(stored!);
    await writeRows(rig.index, [
      keys.blobs.record.put([ns, sha256], record),
      keys.blobs.bytes.put([ns, sha256], value),
      { type: 'del', key },
    ]);
  }
  await writeRows(rig.index, [
    keys.store.setting.put(['format'], 1),
    keys.store.setting.del('contentsByTime'),
  ]);
  await rig[Symbol.asyncDispose]();
  return rig;
}

async function ofFormat1(): Promise<Rig> {
  const left = await leftByFormat1();
  const rig = await openRig(left.rows, left.blobs);
  rig.clock.now = left.clock.now;
  return rig;
}

async function formatOf(index: Rig['index']): Promise<unknown> {
  return keys.store.setting.decode((await index.get(keys.store.setting.key('format')))!);
}

test('what is stored later has a lower key, and contents come after all other rows', async () => {
  await using rig = await filled();
  await push(rig, third);
  const placed = await Promise.all(
    texts.map(async (text) => Buffer.from(await bytesKeyOf(rig.index, digest(text)))),
  );
  const rows = await rowsIn(rig.index, { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) });
  expect(rows.slice(-texts.length).map(([key]) => Buffer.from(key))).toEqual(placed.toReversed());
  await expectSound(rig);
});

test('a store of format 1 gets the present format, and its contents stay where they are', async () => {
  await using rig = await ofFormat1();
  expect(await formatOf(rig.index)).toBe(formatVersion);
  expect(await rowsIn(rig.index, keys.blobs.bytes.range())).toHaveLength(2);
  expect(await read(rig, first)).toBe(first);
  expect((await push(rig, first, 't')).receipt.bytesSaved).toBe(first.length);
  expect(await recordOf(rig, first)).toEqual({ size: first.length, refs: 2 });
  const now = rig.index.now();
  await push(rig, third);
  expect(await recordOf(rig, third)).toEqual({ size: third.length, bytesTime: now, refs: 1 });
  await expectSound(rig);
});

test('a store of format 1 on a disk that takes no writes is read, and gets the present format when it can', async () => {
  const left = await leftByFormat1();
  let isFull = true;
  const failAt = () => (isFull ? 'unwritten' : undefined);
  const index = await openMemoryIndex({ rows: left.rows, failAt });
  const timers = new TestTimers();
  await using opened = await openTestStore({ index, blobs: left.blobs, after: timers.after });
  expect(await read(opened, first)).toBe(first);
  const epoch = index.nextEpoch();
  timers.advance(10_000);
  await epoch;
  expect(await formatOf(index)).toBe(1);
  isFull = false;
  await expect.poll(() => timers.count).toBe(1);
  timers.advance(10_000);
  await expect.poll(() => formatOf(index)).toBe(formatVersion);
  expect(await read(opened, second)).toBe(second);
  expect(await inconsistencies(index, left.blobs)).toEqual([]);
});

test('previews are those of contents in either place', async () => {
  await using rig = await ofFormat1();
  await push(rig, third);
  const found = await Promise.all(texts.map((name) => rig.store.artifacts.get(tester, target('s', name))));
  const contents = new Contents(rig.blobs, 'judged by the reader');
  const previews = await previewsOf(rig.index, contents, 'default', found, 100);
  expect(found.map(({ id }) => previews.get(id))).toEqual(texts);
});

test('damaged bytes of format 1 that are pushed again go where new ones go', async () => {
  await using rig = await ofFormat1();
  const early = await bytesKeyOf(rig.index, digest(first));
  rig.rows.write([{ type: 'put', key: early, value: Buffer.from('garbage') }]);
  const now = rig.index.now();
  await push(rig, first, 't');
  expect(await rig.index.get(early)).toBeUndefined();
  expect(await recordOf(rig, first)).toMatchObject({ bytesTime: now, refs: 2 });
  expect(await read(rig, first)).toBe(first);
  await expectSound(rig);
});

test('a lost record is written again for bytes in either place', async () => {
  await using rig = await ofFormat1();
  await push(rig, third);
  const before = [await recordOf(rig, first), await recordOf(rig, third)];
  await writeRows(
    rig.index,
    [first, third].map((text) => keys.blobs.record.del('default', digest(text))),
  );
  const report = await rig.check({ checkContents: true });
  expect(report.findings).toMatchObject([
    { kind: 'ROW_CORRUPT', repairable: true },
    { kind: 'ROW_CORRUPT', repairable: true },
  ]);
  await rig.repair(report);
  expect([await recordOf(rig, first), await recordOf(rig, third)]).toEqual(before);
  await expectSound(rig);
});

test.each([
  ['by time', keys.blobs.bytesByTime.put([7, 'default', digest(first)], Buffer.from(first))],
  ['by digest', keys.blobs.bytes.put(['default', digest(first)], Buffer.from(first))],
])('bytes in a row %s that the record does not name are removed, and no others', async (_where, stray) => {
  await using rig = await filled();
  await writeRows(rig.index, [stray]);
  expect(await inconsistencies(rig.index, rig.blobs)).not.toEqual([]);
  const report = await rig.check();
  expect(report.findings).toMatchObject([{ kind: 'INDEX_ROW_WRONG', repairable: true }]);
  await rig.repair(report);
  expect(await rig.index.get(stray.key)).toBeUndefined();
  expect(await read(rig, first)).toBe(first);
  await expectSound(rig);
});

test('what is pushed again after its record was lost leaves a row, which a repair removes', async () => {
  await using rig = await ofFormat1();
  await push(rig, third);
  for (const text of [first, third]) {
    await writeRows(rig.index, [keys.blobs.record.del('default', digest(text))]);
    await push(rig, text, 't');
  }
  const rows = await rig.check();
  expect(rows.findings.filter(({ kind }) => kind === 'INDEX_ROW_WRONG')).toHaveLength(2);
  await rig.repair(rows);
  for (const text of [first, third]) expect(await read(rig, text, 't')).toBe(text);
  await expectSound(rig);
});

test('of three rows of a lost content, the one with the right bytes is used', async () => {
  await using rig = await filled();
  const before = await recordOf(rig, first);
  const wrong = [-5, 5].map((ms) =>
    keys.blobs.bytesByTime.put([before.bytesTime! + ms, 'default', digest(first)], Buffer.from('wrong')),
  );
  await writeRows(rig.index, [...wrong, keys.blobs.record.del('default', digest(first))]);
  await rig.repair(await rig.check());
  expect(await recordOf(rig, first)).toEqual(before);
  await rig.repair(await rig.check());
  await expectSound(rig);
});

test('a damaged record costs a list the preview of that content, and no other', async () => {
  await using rig = await filled();
  const key = keys.blobs.record.key('default', digest(first));
  const found = await Promise.all(
    [first, second].map((name) => rig.store.artifacts.get(tester, target('s', name))),
  );
  rig.rows.write([{ type: 'put', key, value: Buffer.from('garbage') }]);
  const contents = new Contents(rig.blobs, 'judged by the reader');
  const previews = await previewsOf(rig.index, contents, 'default', found, 100);
  expect(found.map(({ id }) => previews.get(id))).toEqual([undefined, second]);
});

test('a check of one namespace sees the contents of that namespace alone', async () => {
  await using rig = await filled();
  const strays = ['default', 'other'].map((ns) =>
    keys.blobs.bytesByTime.put([7, ns, digest(third)], Buffer.from(third)),
  );
  await writeRows(rig.index, strays);
  const { findings } = await rig.check({ namespace: 'default' });
  expect(findings.map(({ namespace }) => namespace)).toEqual(['default']);
});
