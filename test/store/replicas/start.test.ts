/** Processes that start beside others, and what they take over from them. */
import { expect, it } from 'vitest';
import { parseSessionId } from '../../../src/domain/names.ts';
import { keys } from '../../../src/index/keys.ts';
import { openReplicas } from '../../support/replicas.ts';
import { writeRows } from '../../support/rows.ts';
import { principalOf, queryOf, target } from '../../support/specs.ts';
import { namespaceOf, namespacesIn, push, settled, stateOf } from './rig.ts';

it('the second process finds what the first has made', async () => {
  const replicas = await openReplicas();
  const a = await replicas.open('a');
  const b = await replicas.open('b');
  expect(b.store.tokenKey).toEqual(a.store.tokenKey);
  await push(a, 'default', 'n', 'of a');
  await expect(push(b, 'default', 'm', 'of b')).rejects.toMatchObject({
    reason: 'NOT_OWNER',
    metadata: { owner: 'a:1' },
  });
  const found = await b.store.artifacts.get(principalOf({}), target('s', 'n'));
  expect(found.sizeBytes).toBe(4);
});

it('a process waits for the settings that another one is making', async () => {
  const replicas = await openReplicas();
  await replicas.move('', 'a');
  await replicas.move('default', 'a');
  const opening = replicas.open('b');
  await settled();
  const a = await replicas.open('a');
  replicas.timers.advance(500);
  expect((await opening).store.tokenKey).toEqual(a.store.tokenKey);
});

it('a process does not wait for ever', async () => {
  const replicas = await openReplicas();
  await replicas.move('', 'a');
  let failure: unknown;
  const opening = replicas.open('b').catch((error: unknown) => {
    failure = error;
  });
  for (let at = 0; at < 29; at++) {
    await settled(5);
    replicas.timers.advance(500);
  }
  await opening;
  expect(failure).toMatchObject({ reason: 'NOT_OWNER' });
});

it('a seal that its owner did not finish is finished by the next owner', async () => {
  const replicas = await openReplicas();
  let isStopped = true;
  const stop = () => {
    if (isStopped) throw new Error('stopped');
  };
  const a = await replicas.open('a', {
    inlineBytesMax: 0,
    onStep: (step) => (step === 'manifest.staged' ? stop() : undefined),
  });
  const b = await replicas.open('b');
  await push(a, 'default', 'n', 'x');
  const id = parseSessionId('session', 's');
  await expect(a.store.seals.seal(principalOf({}), id, 'succeeded')).rejects.toThrow('stopped');
  expect(await namespacesIn(replicas, keys.sessions.pendingSeal, 0)).toEqual(['default']);
  await replicas.move('default', 'b');
  await settled();
  expect(await stateOf(b, 'default')).toMatchObject({ state: 'sealed', outcome: 'succeeded' });
  expect(await namespacesIn(replicas, keys.sessions.pendingSeal, 0)).toEqual([]);
  // The former owner tries no more.
  isStopped = false;
  replicas.timers.advance(60_000);
  await settled();
  expect(replicas.timers.count).toBe(0);
});

it('a seal of a process that was killed is finished when another one looks for due work', async () => {
  const replicas = await openReplicas();
  const killed = () => {
    throw new Error('killed');
  };
  const a = await replicas.open('a', { onStep: (step) => (step === 'seal.fenced' ? killed() : undefined) });
  const b = await replicas.open('b');
  await push(a, 'default', 'n', 'x');
  const id = parseSessionId('session', 's');
  await expect(a.store.seals.seal(principalOf({}), id, 'succeeded')).rejects.toThrow('killed');
  await b.store.reaper.reap({ limit: 100 });
  expect(await stateOf(b, 'default')).toMatchObject({ state: 'sealing' });
  replicas.abandon('default');
  await b.store.reaper.reap({ limit: 100 });
  expect(await stateOf(b, 'default')).toMatchObject({ state: 'sealed', outcome: 'succeeded' });
});

it('each process brings the rows of its namespaces up to date', async () => {
  const replicas = await openReplicas();
  const a = await replicas.open('a');
  await namespaceOf(replicas, 'n-a', 'a', a);
  await namespaceOf(replicas, 'n-b', 'a', a);
  await push(a, 'n-a', 'n', 'x');
  await push(a, 'n-b', 'n', 'x');
  const rows = [keys.store.setting.del('sessionStates')];
  for await (const block of replicas.index.scan(keys.sessions.byState.range()))
    rows.push(...block.map(([key]) => ({ type: 'del' as const, key })));
  expect(rows).toHaveLength(3);
  await writeRows(replicas.index, rows);
  await replicas.move('n-b', 'b');
  const setting = keys.store.setting.key('sessionStates');
  await replicas.open('a');
  expect(await namespacesIn(replicas, keys.sessions.byState, 0)).toEqual(['n-a']);
  expect(await replicas.index.get(setting)).toBeUndefined();
  await replicas.open('b');
  expect(await namespacesIn(replicas, keys.sessions.byState, 0)).toEqual(['n-a', 'n-b']);
  expect(await replicas.index.get(setting)).toBeUndefined();
  // Whoever has them all records it.
  await replicas.move('n-b', 'a');
  replicas.timers.advance(10_000);
  await settled();
  expect(await replicas.index.get(setting)).toBeDefined();
});

it('a page from a process whose clock is behind shows nothing that the page before was too late for', async () => {
  const replicas = await openReplicas();
  const a = await replicas.open('a');
  const b = await replicas.open('b', {}, 60_000);
  await push(a, 'default', 'n1', 'x');
  await push(a, 'default', 'n2', 'x', 30_000);
  await push(a, 'default', 'n3', 'x');
  const query = queryOf('s', { oldestFirst: true, pageSize: 1 });
  const { items, nextPageToken } = await b.store.listing.artifacts(principalOf({}), query);
  expect(items.map(({ name }) => name)).toEqual(['n1']);
  const rest = { ...query, pageSize: 10, pageToken: nextPageToken };
  const names = async () =>
    (await a.store.listing.artifacts(principalOf({}), rest)).items.map(({ name }) => name);
  expect(await names()).toEqual(['n3']);
  // By its own clock, it would show all.
  const own = await a.store.listing.artifacts(principalOf({}), { ...query, pageSize: 10 });
  expect(own.items.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
});
