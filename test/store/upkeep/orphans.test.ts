/** Files that no row names: found after an unclean end and weekly, and never removed in great number unasked. */
import { expect, it } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { keys } from '../../../src/index/keys.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import { orphansMax } from '../../../src/store/upkeep/orphan-valve.ts';
import { someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { startOfTime } from '../../support/service.ts';
import { day, hour, minute, openCollected, type Rig } from './collection-rig.ts';

const orphan = someBytes(300, 9);

/** A store with enough in it that a few orphans are few. */
async function filled(options: Parameters<typeof openCollected>[0] = {}): Promise<Rig> {
  const rig = await openCollected(options);
  for (let at = 0; at < 4; at++) await rig.push(`n${at}`, someBytes(3_000, at));
  return rig;
}

async function resume(rig: Rig): Promise<void> {
  await rig.write(keys.store.setting.del('pause/manyOrphans'));
}

it('I10 a file that no row names is removed an hour after it was found, once it is a day old', async () => {
  const rig = await filled();
  const name = await rig.orphan(1, orphan);
  rig.clock.now += day - 1;
  expect(await rig.drain(true)).toMatchObject({ orphans: 0 });
  rig.clock.now += 1;
  expect(await rig.collect({}, true)).toMatchObject({ orphans: 1, removed: 0, pauses: [] });
  expect(await rig.files()).toContain(name);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  rig.clock.now += hour;
  expect(await rig.collect()).toMatchObject({ removed: 1, removedBytes: orphan.length });
  expect(await rig.files()).toHaveLength(4);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

it('I11 a file of the future is left alone', async () => {
  const clock = { now: startOfTime };
  const rig = await filled({ clock, blobs: openMemoryBlobs({ now: () => clock.now + day }) });
  await rig.orphan(1, orphan);
  rig.clock.now += day - 1;
  expect(await rig.drain(true)).toMatchObject({ orphans: 0 });
  rig.clock.now += day + 1;
  expect(await rig.drain(true)).toMatchObject({ orphans: 1 });
});

it('are looked for weekly', async () => {
  const rig = await filled();
  await rig.drain();
  await rig.orphan(1, orphan);
  rig.clock.now += 7 * day - 1;
  expect(await rig.drain()).toMatchObject({ orphans: 0 });
  rig.clock.now += 1;
  expect(await rig.drain()).toMatchObject({ orphans: 1 });
  rig.clock.now += hour;
  await rig.drain();
  await rig.orphan(2, orphan);
  rig.clock.now += 2 * day;
  expect(await rig.drain()).toMatchObject({ orphans: 0 });
});

it('are looked for after an unclean end, and not after a clean one', async () => {
  const rows = new MemoryRows();
  const clock = { now: startOfTime };
  const files = openMemoryBlobs({ now: () => clock.now });
  const first = await filled({ rows, clock, blobs: files });
  await first.drain();
  await first.orphan(1, orphan);
  clock.now += day;
  await first.store[Symbol.asyncDispose]();

  const clean = await openCollected({ rows, clock, blobs: files });
  expect(await clean.drain()).toMatchObject({ orphans: 0 });
  await clean.push('file', someBytes(3_000, 99));
  // It ends without a word: the index is closed beneath it.
  await clean.index.close();

  const unclean = await openCollected({ rows, clock, blobs: files });
  expect(await unclean.drain()).toMatchObject({ orphans: 1 });
  await unclean.store[Symbol.asyncDispose]();
});

it('a store that has only small contents is closed without a mark', async () => {
  const rows = new MemoryRows();
  const rig = await openCollected({ rows });
  await rig.drain();
  await rig.push('small', Buffer.from('x'));
  await rig.index.close();
  const again = await openCollected({ rows });
  await again.orphan(1, orphan);
  again.clock.now += day;
  expect(await again.drain()).toMatchObject({ orphans: 0 });
});

it('I15 a scan goes on where the last call was, and any number of calls make it once', async () => {
  const rig = await filled();
  for (let at = 0; at < 3; at++) await rig.orphan(at, orphan);
  rig.clock.now += day;
  let looks = 0;
  const calls: number[] = [];
  for (let more = true; more; ) {
    looks = 0;
    const did = await rig.collect({ limit: 1, isStopped: () => ++looks > 40 }, true);
    calls.push(did.orphans);
    more = did.more;
    if (calls.length > 100) throw new Error('there is no end');
  }
  expect(calls.length).toBeGreaterThan(5);
  expect(calls.reduce((sum, count) => sum + count)).toBe(3);

  await rig.orphan(10, orphan);
  rig.clock.now += day;
  const done = await Promise.all(Array.from({ length: 4 }, () => rig.collect({}, true)));
  expect(done.map(({ orphans }) => orphans).sort()).toEqual([0, 0, 0, 1]);
});

it('I11 many of them wait for an operator, who is asked again if they have become more', async () => {
  const rig = await filled();
  for (let at = 0; at <= orphansMax; at++) await rig.orphan(at, Buffer.from('x'));
  rig.clock.now += day;
  const { pauses, ...did } = await rig.collect({}, true);
  expect(did).toMatchObject({ orphans: 0, more: false });
  expect(pauses).toMatchObject([
    { cause: 'manyOrphans', objects: { count: orphansMax + 1, bytes: orphansMax + 1 } },
  ]);
  expect(await rig.count(keys.blobs.condemned)).toBe(0);
  // What is no orphan is collected all the same.
  await rig.remove('n0');
  rig.clock.now += 15 * minute;
  expect(await rig.collect()).toMatchObject({ condemned: 1, orphans: 0, pauses });
  // Nothing has changed, nor has the question.
  expect((await rig.collect({}, true)).pauses).toEqual(pauses);

  await rig.orphan(orphansMax + 1, Buffer.from('x'));
  rig.clock.now += day;
  await resume(rig);
  const again = await rig.collect();
  expect(again).toMatchObject({ orphans: 0, pauses: [{ objects: { count: orphansMax + 2 } }] });
  expect(again.pauses[0]!.id).not.toBe(pauses[0]!.id);

  await resume(rig);
  expect(await rig.drain()).toMatchObject({ orphans: orphansMax + 2 });
  // It was allowed once.
  for (let at = 0; at <= orphansMax; at++) await rig.orphan(10_000 + at, Buffer.from('x'));
  rig.clock.now += day;
  expect(await rig.collect({}, true)).toMatchObject({ orphans: 0, pauses: [{ cause: 'manyOrphans' }] });
});

it('I11 so do those that are more than a tenth of all bytes', async () => {
  const rig = await filled();
  await rig.orphan(1, someBytes(1_333, 9));
  rig.clock.now += day;
  expect(await rig.drain(true)).toMatchObject({ orphans: 1 });
  rig.clock.now += day;
  await rig.drain();
  await rig.orphan(2, someBytes(1_335, 9));
  rig.clock.now += day;
  expect(await rig.collect({}, true)).toMatchObject({
    orphans: 0,
    pauses: [{ cause: 'manyOrphans', objects: { count: 1, bytes: 1_335 } }],
  });
  await resume(rig);
  expect(await rig.drain()).toMatchObject({ orphans: 1 });
});

it('a pause ends by itself when there are few of them', async () => {
  const rig = await filled();
  const name = await rig.orphan(1, someBytes(3_000, 9));
  rig.clock.now += day;
  expect((await rig.collect({}, true)).pauses).toHaveLength(1);
  await rig.blobs.delete(name);
  expect((await rig.collect({}, true)).pauses).toEqual([]);
});

it.each(['lost', 'damaged'])('I8 a file is no orphan because the row of its name is %s', async (how) => {
  const rig = await filled();
  const [name] = await rig.files();
  const key = keys.blobs.physicalName.key('default', name!);
  if (how === 'lost') await rig.write({ type: 'del', key });
  else rig.rows.write([{ type: 'put', key, value: Buffer.from('garbage') }]);
  for (let at = 5; at < 20; at++) await rig.push(`n${at}`, someBytes(3_000, at));
  rig.clock.now += day;
  const did = await rig.collect({}, true);
  expect(did).toMatchObject({ orphans: 0, pauses: [{ cause: 'inconsistent' }] });
  expect(await rig.count(keys.blobs.condemned)).toBe(0);
});
