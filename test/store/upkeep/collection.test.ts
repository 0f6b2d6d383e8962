/** Contents that nothing refers to are freed, in time and in bounds; nothing else is, whatever the rows say. */
import { expect, it } from 'vitest';
import { keys } from '../../../src/index/keys.ts';
import type { Pause } from '../../../src/store/upkeep/pauses.ts';
import { someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { digestOf, sessionNamed, tester } from '../../support/specs.ts';
import { day, hour, minute, openCollected, type Rig } from './collection-rig.ts';

const large = someBytes(5_000, 1);
const small = Buffer.from('small');

async function expectConsistent({ index, blobs: files }: Rig): Promise<void> {
  expect(await inconsistencies(index, files)).toEqual([]);
}

it('a content is taken out of use 15 minutes after its last reference, and its file removed an hour later', async () => {
  const rig = await openCollected();
  await rig.push('large', large);
  await rig.push('small', small);
  expect(await rig.collect()).toMatchObject({ condemned: 0, more: false, nextTime: undefined, pauses: [] });
  await rig.remove('large');
  await rig.remove('small');
  const removed = rig.clock.now;
  rig.clock.now += 15 * minute - 1;
  expect(await rig.collect()).toMatchObject({ condemned: 0, more: false, nextTime: removed + 15 * minute });
  rig.clock.now += 1;
  expect(await rig.collect()).toMatchObject({
    condemned: 2,
    removed: 0,
    more: false,
    nextTime: removed + 75 * minute,
  });
  await expectConsistent(rig);
  expect(await rig.count(keys.blobs.bytesByTime)).toBe(0);
  expect(await rig.files()).toHaveLength(1);
  rig.clock.now += hour - 1;
  expect(await rig.collect()).toMatchObject({ removed: 0, more: false });
  rig.clock.now += 1;
  expect(await rig.collect()).toMatchObject({
    condemned: 0,
    removed: 1,
    removedBytes: large.length,
    more: false,
    nextTime: undefined,
  });
  await rig.expectEmpty();
});

it('I8 a content that is referred to again stays, and waits its whole time when it is free once more', async () => {
  const rig = await openCollected();
  await rig.push('a', large);
  await rig.remove('a');
  rig.clock.now += 10 * minute;
  await rig.push('b', large);
  rig.clock.now += 10 * minute;
  expect(await rig.collect()).toMatchObject({ condemned: 0, more: false, nextTime: undefined });
  expect(await rig.count(keys.blobs.maybeFree)).toBe(0);
  expect(await rig.read('b')).toEqual(Buffer.from(large));

  await rig.remove('b');
  rig.clock.now += 10 * minute;
  await rig.push('c', large);
  await rig.remove('c');
  // The first row is due, the second not for another while.
  rig.clock.now += 6 * minute;
  expect(await rig.collect()).toMatchObject({ condemned: 0, nextTime: rig.clock.now + 9 * minute });
  await rig.push('d', large);
  expect((await rig.push('e', large)).receipt.bytesSaved).toBe(large.length);
  rig.clock.now += hour;
  expect(await rig.collect()).toMatchObject({ condemned: 0 });
  await expectConsistent(rig);
});

it('I8 a content that comes back after it was condemned has a file of its own', async () => {
  const rig = await openCollected();
  await rig.push('a', large);
  await rig.remove('a');
  rig.clock.now += 16 * minute;
  expect(await rig.collect()).toMatchObject({ condemned: 1 });
  const [first] = await rig.files();
  await rig.push('b', large);
  const [one, other] = await rig.files();
  expect([one, other]).toContain(first);
  expect(one).not.toBe(other);
  rig.clock.now += 2 * hour;
  expect(await rig.drain()).toMatchObject({ condemned: 0, removed: 1 });
  expect(await rig.files()).not.toContain(first);
  expect(await rig.read('b')).toEqual(Buffer.from(large));
  await expectConsistent(rig);
});

it('I8 a push of what was there a moment ago, and is collected before it commits, brings its own bytes', async () => {
  let meanwhile: (() => Promise<void>) | undefined;
  const rig = await openCollected({
    options: {
      graces: { dedupMs: 0, readMs: 0 },
      onStep: async (step) => {
        if (step === 'upload.found') await meanwhile?.();
      },
    },
  });
  await rig.push('a', large);
  meanwhile = async () => {
    meanwhile = undefined;
    await rig.remove('a');
    expect(await rig.drain()).toMatchObject({ condemned: 1, removed: 1 });
    expect(await rig.files()).toEqual([]);
  };
  expect((await rig.push('b', large)).receipt.bytesSaved).toBe(0);
  expect(meanwhile).toBeUndefined();
  expect(await rig.read('b')).toEqual(Buffer.from(large));
  await expectConsistent(rig);
});

it('I8 a manifest refers to its content as an artifact does', async () => {
  const rig = await openCollected();
  await rig.push('a', large);
  await rig.store.seals.seal(tester, sessionNamed('s').id, 'succeeded');
  rig.clock.now += day;
  expect(await rig.drain()).toMatchObject({ condemned: 0 });
  await rig.remove('a');
  rig.clock.now += day;
  // The content of the artifact; the manifest stays.
  expect(await rig.drain()).toMatchObject({ condemned: 1 });
  expect((await rig.all(keys.blobs.record)).length).toBe(1);
  await expectConsistent(rig);
});

it('I9 a file that was published half a day ago is not referred to any more', async () => {
  const clock = { now: 0 };
  const late = await openCollected({
    options: {
      onStep: (step) => {
        if (step === 'upload.published') clock.now += 13 * hour;
      },
    },
    clock: Object.assign(clock, { now: 1_767_323_045_000 }),
  });
  await expect(late.push('a', large)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  clock.now += day;
  // Nobody knows it, and it goes as whatever nobody knows.
  await late.push('in time', small);
  expect(await late.collect({}, true)).toMatchObject({ pauses: [{ cause: 'manyOrphans' }] });
});

it('I15 a call is bounded, says whether there is more, and any number of them do the work once', async () => {
  const rig = await openCollected({ options: { graces: { dedupMs: 0, readMs: 0 } } });
  for (let at = 0; at < 130; at++) await rig.push(`n${at}`, someBytes(100, at));
  for (let at = 0; at < 130; at++) await rig.remove(`n${at}`);
  expect(await rig.collect({ limit: 7 })).toMatchObject({ condemned: 7, removed: 0, more: true });
  expect(await rig.collect({ limit: 10 })).toMatchObject({ condemned: 3, removed: 7, more: true });
  expect(await rig.collect({ isStopped: () => true })).toMatchObject({
    condemned: 0,
    removed: 0,
    more: true,
  });
  const done = await Promise.all(Array.from({ length: 5 }, () => rig.drain()));
  expect(done.reduce((sum, { condemned }) => sum + condemned, 0)).toBe(120);
  expect(done.reduce((sum, { removed }) => sum + removed, 0)).toBe(123);
  await rig.drain();
  await rig.expectEmpty();
});

it('I10 what the end of a process leaves of a sweep is taken up by the next', async () => {
  let die = true;
  const rig = await openCollected({
    options: {
      graces: { dedupMs: 0, readMs: 0 },
      onStep: (step) => {
        if (step === 'collect.swept' && die) throw new Error('gone');
      },
    },
  });
  await rig.push('a', large);
  await rig.remove('a');
  await rig.collect();
  await expect(rig.collect()).rejects.toThrow('gone');
  expect(await rig.files()).toEqual([]);
  expect(await rig.count(keys.blobs.condemned)).toBe(1);
  die = false;
  expect(await rig.drain()).toMatchObject({ removed: 1, removedBytes: large.length });
  await rig.expectEmpty();
});

it('I11 a file that cannot be removed keeps its row, and the others go', async () => {
  const rig = await openCollected({ options: { graces: { dedupMs: 0, readMs: 0 } } });
  for (const at of [1, 2, 3]) await rig.push(`n${at}`, someBytes(100, at));
  for (const at of [1, 2, 3]) await rig.remove(`n${at}`);
  await rig.collect();
  const [stuck] = await rig.files();
  const remove = rig.blobs.delete.bind(rig.blobs);
  rig.blobs.delete = async (name) => {
    if (name === stuck) throw new Error('cannot be removed');
    await remove(name);
  };
  await expect(rig.collect()).rejects.toThrow('cannot be removed');
  expect(await rig.files()).toEqual([stuck]);
  expect((await rig.all(keys.blobs.condemned)).map(({ parts }) => parts[2])).toEqual([stuck]);
  rig.blobs.delete = remove;
  await rig.drain();
  await rig.expectEmpty();
});

/** A content that is free, of which one row is then not as it should be. */
const disagreements: [string, (rig: Rig) => Promise<unknown>][] = [
  [
    'a reference that the count does not know',
    (rig) =>
      rig.write(keys.blobs.reference.put(['default', digestOf(large).sha256, 'artifact', 'art_x'], true)),
  ],
  ['a count below zero', (rig) => rewrite(rig, { refs: -1 })],
  ['no count', (rig) => rewrite(rig, { refs: undefined })],
  ['a record with something unknown in it', (rig) => rewrite(rig, { shared: true })],
  ['a size that is none', (rig) => rewrite(rig, { size: 'x' })],
  [
    'a file that belongs to another content',
    async (rig) => {
      const { name } = (await rig.recordOf(large))!;
      await rig.write(
        keys.blobs.physicalName.put(['default', name!], { state: 'live', sha256: digestOf(small).sha256 }),
      );
    },
  ],
  [
    'a file whose name is condemned',
    async (rig) => {
      const { name } = (await rig.recordOf(large))!;
      await rig.write(keys.blobs.physicalName.put(['default', name!], { state: 'condemned', notBefore: 5 }));
    },
  ],
  [
    'a file whose name has no row',
    async (rig) => {
      await rig.write(keys.blobs.physicalName.del('default', (await rig.recordOf(large))!.name!));
    },
  ],
  [
    'a condemned file that is live',
    async (rig) => {
      const { name } = (await rig.recordOf(large))!;
      await rig.write(keys.blobs.condemned.put([1, 'default', name!], { size: large.length }));
    },
  ],
  [
    'a record that is damaged',
    async (rig) => {
      const key = keys.blobs.record.key('default', digestOf(large).sha256);
      rig.rows.write([{ type: 'put', key, value: Buffer.from('garbage') }]);
    },
  ],
];

async function rewrite(rig: Rig, change: object): Promise<void> {
  const record = { ...(await rig.recordOf(large))!, ...change };
  await rig.write(keys.blobs.record.put(['default', digestOf(large).sha256], record as never));
}

it.each(disagreements)(
  'I11 nothing is deleted because of %s, and an operator is told',
  async (_what, spoil) => {
    const rig = await openCollected();
    await rig.push('a', large);
    await rig.push('b', someBytes(5_000, 2));
    await rig.remove('a');
    await rig.remove('b');
    await spoil(rig);
    rig.clock.now += day;
    const { pauses, ...did } = await rig.collect();
    expect(did).toMatchObject({ condemned: 0, removed: 0, orphans: 0, more: false, nextTime: undefined });
    expect(pauses).toMatchObject([
      {
        cause: 'inconsistent',
        message: expect.stringMatching(/no space is freed until an operator has looked/),
      },
    ]);
    expect(await rig.files()).toHaveLength(2);
    // The same again changes nothing, the pause neither.
    rig.clock.now += 1;
    expect((await rig.collect({}, true)).pauses).toEqual(pauses);
  },
);

it.each(['imported', 'inconsistent'] as const)(
  'I11 nothing is collected while a pause says so: %s',
  async (cause) => {
    const rig = await openCollected();
    await rig.push('a', large);
    await rig.remove('a');
    const pause: Pause = { id: `${cause}-1`, cause, startTime: 1, message: 'wait' };
    await rig.write(keys.store.setting.put([`pause/${cause}`], pause));
    rig.clock.now += day;
    expect(await rig.collect({}, true)).toMatchObject({ condemned: 0, more: false, pauses: [pause] });
    expect(await rig.count(keys.blobs.record)).toBe(1);
  },
);

it('a queue row without a content is dropped', async () => {
  const rig = await openCollected();
  await rig.write(keys.blobs.maybeFree.put([1, 'default', digestOf(large).sha256], true));
  expect(await rig.collect()).toMatchObject({ condemned: 0, more: false, pauses: [] });
  expect(await rig.count(keys.blobs.maybeFree)).toBe(0);
});

it('a content of many gigabytes has many checksums, all of which go', async () => {
  const rig = await openCollected({ options: { graces: { dedupMs: 0, readMs: 0 } } });
  const { sha256 } = digestOf(large);
  const gibibytes = 3;
  const name = `${await rig.internalId()}/ab/ab000000000000000000000000000000`;
  await rig.write(
    keys.blobs.record.put(['default', sha256], { name, size: gibibytes * 2 ** 30, refs: 0 }),
    keys.blobs.physicalName.put(['default', name], { state: 'live', sha256 }),
    ...Array.from({ length: gibibytes }, (_, at) =>
      keys.blobs.crcs.put(['default', sha256, at], new Uint8Array(4_096)),
    ),
    keys.blobs.maybeFree.put([1, 'default', sha256], true),
  );
  expect(await rig.drain()).toMatchObject({ condemned: 1, removed: 1, removedBytes: gibibytes * 2 ** 30 });
  await rig.expectEmpty();
});

it('compacts the queues when very much was removed from them', async () => {
  const rig = await openCollected({ options: { graces: { dedupMs: 0, readMs: 0 } } });
  const compacted: Uint8Array[] = [];
  const compact = rig.index.compact.bind(rig.index);
  rig.index.compact = async (range) => {
    compacted.push(range.lt);
    await compact(range);
  };
  const { sha256 } = digestOf(large);
  for (let at = 0; at < 10_000; at += 1_000)
    await rig.write(
      ...Array.from({ length: 1_000 }, (_, n) =>
        keys.blobs.maybeFree.put([1 + at + n, 'default', sha256], true),
      ),
    );
  expect(await rig.collect({ limit: 9_999 })).toMatchObject({ more: true });
  expect(compacted).toEqual([]);
  expect(await rig.collect()).toMatchObject({ more: false });
  expect(compacted).toHaveLength(1);
});
