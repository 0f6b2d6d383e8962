/**
 * I15, and that nothing depends on the reaper: the same history in two stores, one of which is reaped now and then, a
 * little or all of what is due, twice at once too; the other never. Both give the same answers at every moment.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Retention } from '../../src/domain/retention.ts';
import { inconsistencies } from '../support/naive.ts';
import { openTestStore } from '../support/service.ts';
import { queryOf, sessionNamed, target, tester } from '../support/specs.ts';
import { day, hour, type Rig, reasonOf, rigOver } from './rig.ts';

const ids = ['s0', 's1', 's2'] as const;
const names = ['a', 'b'] as const;
type Id = (typeof ids)[number];
type Name = (typeof names)[number];

const retentions: readonly (Retention | undefined)[] = [
  undefined,
  { ttlMs: { succeeded: day, failed: hour } },
  { ttlMs: { succeeded: hour, abandoned: hour, failed: hour, cancelled: 2 * day } },
  {
    ttlMs: { succeeded: hour },
    keepLast: { count: 1, metadataKey: 'p', outcomes: ['succeeded'] },
  },
];

type Action =
  | { readonly do: 'open'; readonly id: Id; readonly retention: number; readonly leaseMs: number | undefined }
  | {
      readonly do: 'push';
      readonly id: Id;
      readonly name: Name;
      readonly ttlMs: number | undefined;
      readonly bytes: string;
    }
  | { readonly do: 'hold'; readonly id: Id; readonly name: Name; readonly hold: boolean }
  | { readonly do: 'expire'; readonly id: Id; readonly name: Name; readonly ttlMs: number | undefined }
  | { readonly do: 'delete'; readonly id: Id; readonly name: Name }
  | { readonly do: 'seal'; readonly id: Id; readonly outcome: Outcome }
  | { readonly do: 'amend'; readonly id: Id; readonly outcome: 'succeeded' | 'failed' }
  | { readonly do: 'touch'; readonly id: Id }
  | { readonly do: 'remove'; readonly id: Id }
  | { readonly do: 'apply'; readonly retention: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'reap'; readonly itemsMax: number; readonly twice: boolean };

const id = fc.constantFrom(...ids);
const name = fc.constantFrom(...names);
const ttlMs = fc.constantFrom(undefined, hour, day, 40 * day);
const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      id,
      retention: fc.nat(retentions.length - 1),
      leaseMs: fc.constantFrom(undefined, undefined, 2 * hour),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      id,
      name,
      ttlMs,
      bytes: fc.constantFrom('x', 'y'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), id, name, hold: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), id, name, ttlMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), id, name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('seal' as const),
      id,
      outcome: fc.constantFrom<Outcome>('succeeded', 'failed', 'cancelled', 'abandoned'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('amend' as const),
      id,
      outcome: fc.constantFrom('succeeded' as const, 'failed' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('touch' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('apply' as const), retention: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, hour - 1, hour, day, 29 * day, 31 * day),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('reap' as const),
      itemsMax: fc.constantFrom(1, 3, 1_000),
      twice: fc.boolean(),
    }),
  },
);

/** What the action answers. */
async function act(rig: Rig, action: Action): Promise<string> {
  const { store } = rig;
  switch (action.do) {
    case 'open': {
      const retention = retentions[action.retention];
      const { leaseMs } = action;
      return await reasonOf(
        rig.open(action.id, {
          metadata: { p: 'q' },
          ...(retention === undefined ? {} : { retention }),
          ...(leaseMs === undefined ? {} : { leaseMs }),
        }),
      );
    }
    case 'push':
      return await reasonOf(rig.push(action.id, action.name, action));
    case 'hold':
      return await reasonOf(
        store.artifacts.update(tester, target(action.id, action.name), { hold: action.hold }),
      );
    case 'expire': {
      const expiry = action.ttlMs === undefined ? 'never' : { ttlMs: action.ttlMs };
      return await reasonOf(store.artifacts.update(tester, target(action.id, action.name), { expiry }));
    }
    case 'delete':
      return await reasonOf(store.artifacts.delete(tester, target(action.id, action.name)));
    case 'seal':
      return await reasonOf(rig.seal(action.id, action.outcome));
    case 'amend': {
      const amendment = { outcome: action.outcome, etag: undefined };
      return await reasonOf(store.sessions.amend(tester, sessionNamed(action.id).id, amendment));
    }
    case 'touch':
      return await reasonOf(store.sessions.update(tester, sessionNamed(action.id).id, { touch: true }));
    case 'remove':
      return await reasonOf(rig.remove(action.id));
    case 'apply':
      return await reasonOf(
        store.policies.apply(tester, tester.namespace, {
          retention: retentions[action.retention],
          filter: '',
          isDryRun: false,
          pageSize: 100,
          pageToken: '',
        }),
      );
    case 'pass':
      rig.pass(action.ms);
      return '';
    case 'reap':
      return '';
  }
}

/** Whether what is gone has been reaped is all that may differ. */
function alike(reason: string): string {
  return /^(ARTIFACT_EXPIRED|ARTIFACT_NOT_FOUND|SESSION_NOT_FOUND)$/.test(reason) ? 'GONE' : reason;
}

async function told(rig: Rig): Promise<unknown> {
  const answers: unknown[] = [];
  for (const one of ids) {
    const session = await rig.session(one).catch((error: { reason: string }) => alike(error.reason));
    answers.push(
      typeof session === 'string'
        ? session
        : [
            session.state,
            session.outcome,
            session.sealTime,
            session.expireTime,
            session.kept,
            session.holdCount,
          ],
      await rig.names(one).catch((error: { reason: string }) => alike(error.reason)),
    );
    for (const which of names) {
      const found = await rig.get(one, which).catch((error: { reason: string }) => alike(error.reason));
      answers.push(
        typeof found === 'string'
          ? found
          : [found.version, found.expireTime, found.expirySource, found.hold, found.latest],
      );
    }
  }
  const query = { filter: '', oldestFirst: true, pageSize: 100, pageToken: '' };
  for (const filter of [
    '',
    'session.state = SEALED',
    'session.outcome != SUCCEEDED',
    'expire_time > now+2h',
  ]) {
    const found = await rig.store.listing.artifacts(tester, { ...queryOf('s'), session: undefined, filter });
    answers.push(found.items.map((item) => `${item.session}/${item.name}@${item.version}`).sort());
    const some = await rig.store.listing.sessions(tester, { ...query, filter });
    answers.push(some.items.map((session) => session.id).sort());
  }
  return answers;
}

async function openOne() {
  const opened = await openTestStore();
  return rigOver(opened);
}

test('a store that is reaped and one that is not give the same answers', { timeout: 120_000 }, async () => {
  const history = fc.array(actions, { minLength: 5, maxLength: 40 });
  const property = fc.asyncProperty(history, async (all) => {
    await using reaped = await openOne();
    await using left = await openOne();
    for (const [at, action] of all.entries()) {
      if (action.do === 'reap') {
        const allowance = { limit: action.itemsMax };
        const calls = [reaped.store.reaper.reap(allowance)];
        if (action.twice) calls.push(reaped.store.reaper.reap(allowance));
        await Promise.all(calls);
      }
      const answers = [alike(await act(reaped, action)), alike(await act(left, action))];
      expect([at, action, answers[0]]).toEqual([at, action, answers[1]]);
      expect([at, action, await told(reaped)]).toEqual([at, action, await told(left)]);
    }
    for (const rig of [reaped, left])
      expect(await inconsistencies(rig.index, rig.blobs, { reaped: true })).toEqual([]);
    // Long after, all that may go has gone, and nothing else.
    reaped.pass(100 * day);
    left.pass(100 * day);
    for (let round = 0; round < 6; round++) await reaped.reap();
    expect(await told(reaped)).toEqual(await told(left));
    expect(await inconsistencies(reaped.index, reaped.blobs, { reaped: true })).toEqual([]);
  });
  await fc.assert(property, { seed: 20_261_125, numRuns: 120 });
});
