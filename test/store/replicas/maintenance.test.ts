/** Maintenance by several processes: each does the work of its namespaces, and goes on behind that of others. */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { parseSessionId } from '../../../src/domain/names.ts';
import { keys } from '../../../src/index/keys.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openReplicas, type Replicas } from '../../support/replicas.ts';
import { writeRows } from '../../support/rows.ts';
import { principalOf, sessionNamed, specOf, target } from '../../support/specs.ts';
import {
  collect,
  day,
  filesOf,
  hour,
  namespaceOf,
  namespacesIn,
  push,
  remove,
  scrub,
  stateOf,
} from './rig.ts';

/** Two processes. The first leads, and each owns a namespace. Contents are files. */
async function openTwo() {
  const replicas = await openReplicas();
  const a = await replicas.open('a', { inlineBytesMax: 0 });
  const b = await replicas.open('b', { inlineBytesMax: 0 });
  await namespaceOf(replicas, 'n-a', 'a', a);
  await namespaceOf(replicas, 'n-b', 'b', b);
  return { replicas, a, b };
}

const unbounded = { limit: 100_000 };

async function expectConsistent({ index, blobs }: Replicas, orphans = false): Promise<void> {
  expect(await inconsistencies(index, blobs, { orphans })).toEqual([]);
}

it('each reaps what is due in its namespaces, behind the things of others', async () => {
  const { replicas, a, b } = await openTwo();
  for (let at = 0; at < 260; at++) await push(b, 'n-b', `n${at}`, 'x', hour);
  replicas.clock.now += 1;
  await push(a, 'n-a', 'n', 'x', hour);
  await push(a, 'n-a', 'later', 'x', 2 * hour);
  replicas.clock.now += hour;
  const expected = { artifacts: 1, more: false, nextTime: replicas.clock.now + hour };
  expect(await a.store.reaper.reap(unbounded)).toMatchObject(expected);
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ ...expected, artifacts: 0 });
  expect(new Set(await namespacesIn(replicas, keys.calls.expiry, 1))).toEqual(new Set(['n-a', 'n-b']));
  expect(await b.store.reaper.reap(unbounded)).toMatchObject({
    artifacts: 260,
    more: false,
    nextTime: undefined,
  });
});

it('a namespace that is taken over is reaped by its new owner', async () => {
  const { replicas, a, b } = await openTwo();
  await push(b, 'n-b', 'n', 'x', hour);
  replicas.clock.now += hour;
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ artifacts: 0 });
  await replicas.move('n-b', 'a');
  expect(await b.store.reaper.reap(unbounded)).toMatchObject({ artifacts: 0 });
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ artifacts: 1 });
});

it('each forgets the request ids of its namespaces, behind those of others', async () => {
  const { replicas, a, b } = await openTwo();
  await namespaceOf(replicas, 'n-c', 'a', a);
  const used = (replica: typeof a, ns: string, requestId: string) =>
    replica.store.uploads.create(
      principalOf({ namespace: ns }),
      specOf({ session: 's', name: 'n', requestId }),
      Buffer.from('x'),
    );
  for (const ns of ['n-a', 'n-c']) await used(a, ns, 'r');
  for (let at = 0; at < 3; at++) await used(b, 'n-b', `r${at}`);
  const midnight = Math.ceil(replicas.clock.now / day) * day;
  replicas.clock.now = midnight + day;
  await used(b, 'n-b', 'later');
  const left = () => namespacesIn(replicas, keys.calls.requestIdByDay, 1);
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ others: 2, more: false, nextTime: undefined });
  expect(await left()).toEqual(['n-b', 'n-b', 'n-b', 'n-b']);
  // A namespace that is taken over is its new owner's work.
  await replicas.move('n-b', 'a');
  expect(await b.store.reaper.reap(unbounded)).toMatchObject({ others: 0, nextTime: undefined });
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ others: 3, nextTime: midnight + 3 * day });
  expect(await left()).toEqual(['n-b']);
  expect((await used(a, 'n-b', 'later')).receipt.replayed).toBe(true);
  await expectConsistent(replicas);
});

it('a lapse is written down by the owner, and seen by all', async () => {
  const { replicas, a, b } = await openTwo();
  const by = principalOf({ namespace: 'n-b' });
  await b.store.sessions.open(by, { ...sessionNamed('s'), leaseMs: hour });
  replicas.clock.now += hour;
  expect(await a.store.reaper.reap(unbounded)).toMatchObject({ lapsed: 0, more: false });
  expect(await stateOf(a, 'n-b')).toMatchObject({ state: 'sealed', outcome: 'abandoned' });
  expect(await namespacesIn(replicas, keys.artifacts.feed, 0)).toEqual([]);
  expect(await b.store.reaper.reap(unbounded)).toMatchObject({ lapsed: 1 });
  expect(await namespacesIn(replicas, keys.artifacts.feed, 0)).toEqual(['n-b']);
  const { id } = { id: parseSessionId('session', 's') };
  await expect(a.store.seals.seal(by, id, 'succeeded')).rejects.toMatchObject({ reason: 'NOT_OWNER' });
});

it('each collects the contents of its namespaces, several of them at once', async () => {
  const { replicas, a, b } = await openTwo();
  await namespaceOf(replicas, 'n-a2', 'a', a);
  const owned = [
    [b, 'n-b'],
    [a, 'n-a'],
    [a, 'n-a2'],
  ] as const;
  for (const [one, ns] of owned) {
    await push(one, ns, 'n', `of ${ns}`);
    await remove(one, ns, 'n');
  }
  replicas.clock.now += hour;
  expect(await collect(a)).toMatchObject({ condemned: 2, removed: 0, nextTime: replicas.clock.now + hour });
  expect(await namespacesIn(replicas, keys.blobs.maybeFree, 1)).toEqual(['n-b']);
  replicas.clock.now += hour;
  expect(await collect(a)).toMatchObject({ condemned: 0, removed: 2, nextTime: undefined });
  expect(
    (await Promise.all(owned.map(([, ns]) => filesOf(replicas, ns)))).map(({ length }) => length),
  ).toEqual([1, 0, 0]);
  expect(await collect(b)).toMatchObject({ condemned: 1, removed: 0 });
  replicas.clock.now += hour;
  expect(await collect(a)).toMatchObject({ removed: 0, nextTime: undefined });
  expect(await collect(b)).toMatchObject({ removed: 1 });
  await expectConsistent(replicas);
});

it('what waits for another owner takes nothing of the allowance of a call', async () => {
  const { replicas, a, b } = await openTwo();
  for (let at = 0; at < 20; at++) {
    await push(b, 'n-b', `n${at}`, `${at}`);
    await remove(b, 'n-b', `n${at}`);
  }
  replicas.clock.now += 1;
  await push(a, 'n-a', 'n', 'x');
  await remove(a, 'n-a', 'n');
  const few = { limit: 5 };
  replicas.clock.now += hour;
  expect(await a.store.collection.collect(few, { findOrphans: false })).toMatchObject({
    condemned: 1,
    more: false,
  });
  await collect(b);
  replicas.clock.now += hour;
  expect(await a.store.collection.collect(few, { findOrphans: false })).toMatchObject({
    removed: 1,
    more: false,
  });
  expect(await filesOf(replicas, 'n-b')).toHaveLength(20);
});

/** Writes a file that no row names. */
async function orphan({ index, blobs }: Replicas, ns: string, id: string): Promise<string> {
  const value = await index.get(keys.store.namespace.key(ns));
  const { internalId } = keys.store.namespace.decode(value!);
  const name = `${internalId}/${id.slice(-2)}/${id.padStart(32, '0')}`;
  await using staged = await blobs.stage(name);
  await staged.write(Buffer.from('orphan'));
  await staged.commit();
  return name;
}

it('the leader looks for orphans in all namespaces, and leaves young files alone', async () => {
  const { replicas, a, b } = await openTwo();
  for (const [one, ns] of [
    [a, 'n-a'],
    [b, 'n-b'],
  ] as const)
    await push(one, ns, 'n', 'x'.repeat(3_000));
  for (const ns of ['n-a', 'n-b']) await orphan(replicas, ns, '0a');
  replicas.clock.now += day;
  // What another process has just published, and is about to commit.
  for (const ns of ['n-a', 'n-b']) await orphan(replicas, ns, '0b');
  expect(await collect(b, true)).toMatchObject({ orphans: 0 });
  expect(await collect(a, true)).toMatchObject({ orphans: 2 });
  expect((await filesOf(replicas, 'n-a')).length).toBe(3);
  // Nobody decides about a file of that age in a namespace of another process: it goes at once.
  expect((await filesOf(replicas, 'n-b')).length).toBe(2);
  replicas.clock.now += hour;
  await collect(a);
  expect((await filesOf(replicas, 'n-a')).length).toBe(2);
  await expectConsistent(replicas, true);
});

it('several processes make no mark while they write files: the weekly scan finds what one of them leaves', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'n-a', 'n', 'x'.repeat(3_000));
  await push(b, 'n-b', 'n', 'x'.repeat(3_000));
  expect(await replicas.index.get(keys.store.setting.key('filesUnderWay'))).toBeUndefined();
  await collect(a);
  await orphan(replicas, 'n-b', '0a');
  replicas.clock.now += 7 * day - 1;
  expect(await collect(a)).toMatchObject({ orphans: 0 });
  replicas.clock.now += 1;
  expect(await collect(a)).toMatchObject({ orphans: 1 });
});

it('two processes that both believe they lead remove the same orphans once, and nothing else', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'n-a', 'n', 'x'.repeat(3_000));
  for (const ns of ['n-a', 'n-b']) await orphan(replicas, ns, '0a');
  replicas.clock.now += day;
  let passed = false;
  const second = await replicas.open('c', {
    inlineBytesMax: 0,
    onStep: async (step) => {
      if (step !== 'collect.orphanCondemned' || passed) return;
      passed = true;
      await replicas.move('', 'a');
      await collect(a, true);
    },
  });
  await replicas.move('', 'c');
  await collect(second, true);
  expect(passed).toBe(true);
  replicas.clock.now += hour;
  for (const one of [a, b, second]) await collect(one);
  expect((await filesOf(replicas, 'n-a')).length).toBe(1);
  expect((await filesOf(replicas, 'n-b')).length).toBe(0);
  await expectConsistent(replicas);
});

it('a process that cannot write a pause down keeps it for itself, for an hour', async () => {
  const { replicas, a, b } = await openTwo();
  await push(b, 'n-b', 'n', 'x');
  await remove(b, 'n-b', 'n');
  const [key, value] = await firstOf(replicas);
  const record = keys.blobs.record.decode(value);
  await writeRows(replicas.index, [
    { type: 'put', key, value: keys.blobs.record.encode({ ...record, unknown: 1 } as never) },
  ]);
  replicas.clock.now += hour;
  expect(await collect(b)).toMatchObject({ condemned: 0, pauses: [{ cause: 'inconsistent' }] });
  expect(await a.store.pauses.current()).toEqual([]);
  await writeRows(replicas.index, [{ type: 'put', key, value }]);
  expect(await collect(b)).toMatchObject({ condemned: 0 });
  replicas.clock.now += hour;
  expect(await collect(b)).toMatchObject({ condemned: 1, pauses: [] });
});

async function firstOf({ index }: Replicas) {
  for await (const block of index.scan(keys.blobs.record.range())) return block[0]!;
  throw new Error('no content');
}

it('damage that a read meets elsewhere is left to the owner, whose scrub finds it', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'n-a', 'good', 'good');
  await push(b, 'n-b', 'good', 'good');
  await push(b, 'n-b', 'n', 'bytes');
  const [name] = (await sizesOf(replicas, 'n-b')).find(([, size]) => size === 5)!;
  await replicas.blobs.delete(name);
  const read = async () => {
    const by = principalOf({ namespace: 'n-b' });
    const { bytes } = await a.store.downloads.artifact(by, target('s', 'n'), { offset: 0, limit: undefined });
    return Buffer.concat(await Array.fromAsync(bytes));
  };
  await expect(read()).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  expect(await namespacesIn(replicas, keys.blobs.quarantine, 0)).toEqual([]);
  expect(await scrub(a)).toMatchObject({ contents: 1, damagedCount: 0, more: false });
  expect(await scrub(b, hour)).toMatchObject({ contents: 2, damagedCount: 1, more: false });
  expect(await namespacesIn(replicas, keys.blobs.quarantine, 0)).toEqual(['n-b']);
  // The position of a process that does not lead is in its memory.
  expect(await scrub(b, hour)).toMatchObject({ contents: 0, more: false });
  replicas.clock.now += hour;
  expect(await scrub(b, hour)).toMatchObject({ contents: 2 });
  await replicas.move('', 'b');
  expect(await scrub(b, hour)).toMatchObject({ contents: 0 });
  replicas.clock.now += hour;
  expect(await scrub(b, hour)).toMatchObject({ contents: 2 });
  expect(await scrub(await replicas.open('b'), hour)).toMatchObject({ contents: 0 });
});

async function sizesOf(replicas: Replicas, ns: string) {
  const names = await filesOf(replicas, ns);
  return await Promise.all(
    names.map(async (name) => [name, (await replicas.blobs.stat(name))!.sizeBytes] as const),
  );
}

it('an API key that its owner has revoked is not good for a commit elsewhere', async () => {
  const { a, b } = await openTwo();
  const { key } = await a.store.apiKeys.create({
    namespace: principalOf({ namespace: 'n-a' }).namespace,
    description: '',
    scopes: [],
    operator: true,
    expireTime: undefined,
  });
  const by = { ...principalOf({ namespace: 'n-b' }), apiKey: key.id };
  await b.store.sessions.open(by, sessionNamed('s1'));
  await expect(b.store.apiKeys.revoke(key.id)).rejects.toMatchObject({ reason: 'NOT_OWNER' });
  await a.store.apiKeys.revoke(key.id);
  await expect(b.store.sessions.open(by, sessionNamed('s2'))).rejects.toMatchObject({
    reason: 'UNAUTHENTICATED',
  });
});
