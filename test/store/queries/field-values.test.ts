/** The values of a field: all that exist, each once, found by seeks whose number follows the values. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parsePairs } from '../../../src/domain/metadata.ts';
import type { Principal, Restriction } from '../../../src/domain/principal.ts';
import type { FieldValuesQuery } from '../../../src/store/queries/field-values.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { principalOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

let opened: TestStore;
beforeEach(async () => {
  opened = await openTestStore();
  onTestFinished(() => opened[Symbol.asyncDispose]());
});

function push(said: Parameters<typeof specOf>[0], who: Principal = tester) {
  return opened.store.uploads.create(who, specOf(said), Buffer.from(said.name ?? ''));
}

function list(field: string, query: Partial<FieldValuesQuery> = {}, who: Principal = tester) {
  return opened.store.fieldValues.list(who, {
    owner: 'artifact',
    field,
    prefix: '',
    valuesMax: 20,
    ...query,
  });
}

const limitedTo = (restriction: Restriction): Principal => ({ ...tester, operator: false, restriction });

async function pushSome(): Promise<void> {
  await push({ session: 's1', name: 'a.json', metadata: { agent: 'billing', 'a.b': 'dotted' } });
  await push({ session: 's1', name: 'b.txt', metadata: { agent: 'bill' } });
  await push({
    session: 's2',
    name: 'b.txt',
    metadata: { agent: 'writer', step: '1' },
    labels: { seen: 'yes' },
  });
}

describe('lists', () => {
  it.each([
    ['metadata', {}, ['a.b', 'agent', 'step']],
    ['metadata', { prefix: 'a' }, ['a.b', 'agent']],
    ['metadata.agent', {}, ['bill', 'billing', 'writer']],
    ['metadata.agent', { prefix: 'bill' }, ['bill', 'billing']],
    ['metadata.agent', { prefix: 'Bill' }, []],
    ['metadata."a.b"', {}, ['dotted']],
    ['metadata.none', {}, []],
    ['labels', {}, ['seen']],
    ['labels.seen', {}, ['yes']],
    ['name', {}, ['a.json', 'b.txt']],
    ['name', { prefix: 'b' }, ['b.txt']],
    ['content_type', {}, ['application/json', 'text/plain']],
    ['session', {}, ['s1', 's2']],
    ['session', { prefix: 's2' }, ['s2']],
  ] as const)('%s %j', async (field, query, values) => {
    await pushSome();
    expect(await list(field, query)).toEqual({ values, truncated: false, sampled: false });
  });

  it('what sessions have', async () => {
    const { sessions } = opened.store;
    await sessions.open(tester, {
      ...sessionNamed('one', { pipeline: 'nightly' }),
      labels: parsePairs('labels', [['k', 'v']]),
    });
    await sessions.open(tester, sessionNamed('two', { pipeline: 'weekly' }));
    const of = (field: string) => list(field, { owner: 'session' });
    expect(await of('metadata')).toMatchObject({ values: ['pipeline'] });
    expect(await of('metadata.pipeline')).toMatchObject({ values: ['nightly', 'weekly'] });
    expect(await of('labels.k')).toMatchObject({ values: ['v'] });
    expect(await of('session')).toMatchObject({ values: ['one', 'two'] });
    expect(await list('metadata.pipeline')).toMatchObject({ values: [] });
  });

  it('no more than is wanted, and says so', async () => {
    for (const agent of ['a', 'b', 'c']) await push({ session: 's', name: agent, metadata: { agent } });
    expect(await list('metadata.agent', { valuesMax: 2 })).toMatchObject({
      values: ['a', 'b'],
      truncated: true,
    });
    expect(await list('metadata.agent', { valuesMax: 3 })).toMatchObject({ truncated: false });
  });

  it('no value that is very long, and none of another namespace', async () => {
    await push({ session: 's', name: 'a', metadata: { k: 'v'.repeat(257), l: 'v'.repeat(256) } });
    const other = principalOf({ namespace: 'other' });
    expect(await list('metadata.k')).toMatchObject({ values: [] });
    expect(await list('metadata.l')).toMatchObject({ values: ['v'.repeat(256)] });
    await opened.store.namespaces.ensure(other.namespace);
    expect(await list('metadata', {}, other)).toMatchObject({ values: [] });
  });
});

describe('what is gone', () => {
  it('is not listed: superseded, deleted, or expired and not yet removed', async () => {
    await push({ session: 's', name: 'a', metadata: { agent: 'old' } });
    await opened.store.uploads.create(
      tester,
      specOf({ session: 's', name: 'a', metadata: { agent: 'new' } }),
      Buffer.from('changed'),
    );
    await push({ session: 's', name: 'b', metadata: { agent: 'deleted' } });
    await opened.store.artifacts.delete(tester, target('s', 'b'), undefined);
    await push({ session: 's', name: 'c', metadata: { agent: 'expired' }, ttlMs: 1_000 });
    expect(await list('metadata.agent')).toMatchObject({ values: ['expired', 'new'] });
    opened.clock.now += 1_000;
    expect(await list('metadata.agent')).toMatchObject({ values: ['new'] });
    expect(await list('name')).toMatchObject({ values: ['a'] });
  });

  it('does not hide what exists, while few of the newest are gone', async () => {
    await push({ session: 's', name: 'kept', metadata: { agent: 'x' } });
    for (let at = 0; at < 7; at++)
      await push({ session: 's', name: `gone-${at}`, metadata: { agent: 'x' }, ttlMs: 1_000 });
    opened.clock.now += 1_000;
    expect(await list('metadata.agent')).toMatchObject({ values: ['x'] });
  });
});

describe('a caller that does not see everything', () => {
  it('gets what its own newest things have, and nothing else', async () => {
    await pushSome();
    const limited = limitedTo({ sessions: new Set([sessionNamed('s2').id]) });
    expect(await list('metadata.agent', {}, limited)).toEqual({
      values: ['writer'],
      truncated: true,
      sampled: true,
    });
    expect(await list('session', {}, limited)).toMatchObject({ values: ['s2'] });
    const byName = limitedTo({ namePrefix: 'a' });
    expect(await list('metadata', {}, byName)).toMatchObject({ values: ['a.b', 'agent'], sampled: true });
    await expect(list('metadata', { owner: 'session' }, byName)).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
  });
});

it('costs what its values cost, however many artifacts have them', async () => {
  const reads = { scans: 0 };
  const { index, store } = opened;
  const snapshot = index.snapshot.bind(index);
  index.snapshot = () => {
    const real = snapshot();
    const scan = real.scan.bind(real);
    real.scan = (range) => {
      reads.scans++;
      return scan(range);
    };
    return real;
  };
  for (let at = 0; at < 500; at++)
    await push({ session: 's', name: `n${at}`, metadata: { agent: at % 2 === 0 ? 'even' : 'odd' } });
  reads.scans = 0;
  expect(
    await store.fieldValues.list(tester, {
      owner: 'artifact',
      field: 'metadata.agent',
      prefix: '',
      valuesMax: 20,
    }),
  ).toMatchObject({
    values: ['even', 'odd'],
  });
  expect(reads.scans).toBe(3);
});

it.each([
  'size_bytes',
  'session.state',
  'metadata.',
  'a',
  'name = x OR name',
  'NOT name',
  'metadata.a.b',
  '"',
  '',
])('refuses the field %j, and says which there are', async (field) => {
  await expect(list(field)).rejects.toMatchObject({
    reason: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^field: must be name, content_type, session, metadata, labels/),
  });
});
