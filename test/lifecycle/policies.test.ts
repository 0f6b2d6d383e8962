/** The retention of a namespace: copied when a session is opened, applied to earlier ones only by an explicit call. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Retention } from '../../src/domain/retention.ts';
import type { Application, RetentionChange } from '../../src/store/retention/policies.ts';
import { startOfTime } from '../support/service.ts';
import { principalOf, tester } from '../support/specs.ts';
import { openRig } from './open-rig.ts';
import { day, hour, type Rig, reasonOf } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});

const ns = tester.namespace;
const short: Retention = { ttlMs: { succeeded: day, failed: day } };
const long: Retention = { ttlMs: { succeeded: 30 * day } };

function set(retention: Retention | undefined, etag?: string, isDryRun = false) {
  return rig.store.policies.set(ns, retention, { etag, isDryRun });
}

/** All pages. */
async function apply(application: Partial<Application> = {}): Promise<RetentionChange[]> {
  const changes: RetentionChange[] = [];
  for (let pageToken = ''; ; ) {
    const page = await rig.store.policies.apply(tester, ns, {
      retention: undefined,
      filter: '',
      isDryRun: false,
      pageSize: 2,
      ...application,
      pageToken,
    });
    changes.push(...page.changes);
    pageToken = page.nextPageToken;
    if (pageToken === '') return changes;
  }
}

describe('the policy of a namespace', () => {
  test('is copied by whoever opens a session, in this namespace alone', async () => {
    await set(short);
    await rig.push('pushed', 'a');
    await rig.open('opened');
    await rig.open('own', { retention: { ttlMs: {} } });
    await set(long);
    expect((await rig.seal('pushed')).expireTime).toBe(startOfTime + day);
    expect((await rig.seal('opened', 'failed')).expireTime).toBe(startOfTime + day);
    expect((await rig.seal('own')).expireTime).toBeUndefined();
    const elsewhere = principalOf({ namespace: 'other' });
    await rig.store.namespaces.ensure(elsewhere.namespace);
    expect((await rig.store.policies.get(elsewhere.namespace)).retention).toBeUndefined();
  });

  test('opening a session again after it has changed is no conflict', async () => {
    await rig.open('s');
    await set(short);
    expect(await reasonOf(rig.open('s'))).toBe('OK');
    expect((await rig.seal('s')).expireTime).toBeUndefined();
  });

  test('has an etag, and can be tried', async () => {
    const { etag } = await rig.store.policies.get(ns);
    const tried = await set(short, etag, true);
    expect([tried.retention, (await rig.store.policies.get(ns)).retention]).toEqual([short, undefined]);
    const first = await set(short, etag);
    expect(first.updateTime).toBe(startOfTime);
    expect(await reasonOf(set(long, etag))).toBe('ETAG_MISMATCH');
    expect((await set(undefined, first.etag)).retention).toBeUndefined();
  });
});

describe('applying it to earlier sessions', () => {
  test('says what changes, first without changing it', async () => {
    await rig.open('open');
    for (const id of ['a', 'b', 'c']) {
      await rig.push(id, 'x');
      await rig.seal(id, id === 'c' ? 'failed' : 'succeeded');
    }
    await rig.push('a-held', 'x', { ttlMs: 10 * day });
    await set(long);
    rig.pass(hour);
    const change = (session: string, after: number | undefined) => ({ session, before: undefined, after });
    const dry = await apply({ isDryRun: true });
    expect(dry).toMatchObject([
      change('a-held', undefined),
      change('c', undefined),
      change('b', startOfTime + 30 * day),
      change('a', startOfTime + 30 * day),
      change('open', undefined),
    ]);
    expect((await rig.session('a')).expireTime).toBeUndefined();
    expect(await apply()).toEqual(dry);
    expect(await apply()).toEqual([]);
    expect((await rig.session('a')).expireTime).toBe(startOfTime + 30 * day);
    expect((await rig.seal('open')).expireTime).toBe(startOfTime + hour + 30 * day);
  });

  test('only those that the filter finds', async () => {
    for (const id of ['a', 'b']) {
      await rig.push(id, 'x');
      await rig.seal(id, id === 'a' ? 'failed' : 'succeeded');
    }
    const changes = await apply({ retention: short, filter: 'session.outcome = FAILED' });
    expect(changes.map(({ session }) => session)).toEqual(['a']);
    expect(await reasonOf(apply({ filter: 'nonsense = 1' }))).toBe('INVALID_ARGUMENT');
  });

  test('a page token is good for the same retention alone', async () => {
    for (const id of ['a', 'b', 'c']) await rig.push(id, 'x');
    const asked = { filter: '', isDryRun: true, pageSize: 1, pageToken: '' };
    const { nextPageToken: pageToken } = await rig.store.policies.apply(tester, ns, {
      ...asked,
      retention: short,
    });
    const other = rig.store.policies.apply(tester, ns, { ...asked, retention: long, pageToken });
    expect(await reasonOf(other)).toBe('PAGE_TOKEN_INVALID');
  });

  test('what has a time in the past expires at once', async () => {
    await rig.push('s', 'x');
    await rig.seal('s');
    rig.pass(5 * day);
    await apply({ retention: short });
    expect(await reasonOf(rig.session('s'))).toBe('SESSION_NOT_FOUND');
    expect(await rig.reap()).toMatchObject({ sessions: 1 });
  });

  test('a dry run over many pages tells what the application then does', async () => {
    const history = fc.array(
      fc.record({
        pipeline: fc.constantFrom('p', 'q'),
        outcome: fc.constantFrom<Outcome | 'open'>('succeeded', 'failed', 'open'),
        sealLater: fc.boolean(),
      }),
      { minLength: 1, maxLength: 9 },
    );
    let round = 0;
    const property = fc.asyncProperty(history, fc.integer({ min: 1, max: 3 }), async (all, count) => {
      round++;
      const later: [string, Outcome][] = [];
      for (const [at, { pipeline, outcome, sealLater }] of all.entries()) {
        const id = `${round}-${at}`;
        await rig.open(id, { metadata: { pipeline: `${pipeline}${round}`, round: `${round}` } });
        await rig.push(id, 'a');
        rig.pass(1);
        if (outcome === 'open') continue;
        if (sealLater) later.push([id, outcome]);
        else await rig.seal(id, outcome);
      }
      for (const [id, outcome] of later) {
        rig.pass(1);
        await rig.seal(id, outcome);
      }
      rig.pass(10 * day);
      const retention: Retention = {
        ttlMs: { succeeded: day, failed: 20 * day },
        keepLast: { count, metadataKey: 'pipeline', outcomes: ['succeeded'] },
      };
      const which = { retention, filter: `metadata.round = "${round}"` };
      const dry = await apply({ ...which, isDryRun: true });
      await apply(which);
      for (const [at] of all.entries()) {
        const id = `${round}-${at}`;
        const session = await rig.session(id);
        expect([id, dry.find((one) => one.session === id)?.after]).toEqual([id, session.expireTime]);
        expect(session.retention).toEqual(retention);
      }
    });
    await fc.assert(property, { seed: 20_261_124, numRuns: 25 });
  });
});
