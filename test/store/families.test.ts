/** Whatever is done, every family holds exactly what the records say, and a model of sessions agrees with the store. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/session.ts';
import { someBytes } from '../support/calls.ts';
import { openTestStore, type TestStore } from '../support/door.ts';
import { inconsistencies } from '../support/naive.ts';
import { sessionNamed, specOf, target, tester } from '../support/specs.ts';

type Step = (opened: TestStore) => Promise<unknown>;

const sessionIds = fc.constantFrom('s', 't', 'u');
const names = fc.constantFrom('a', 'b', 'c/d.json');
const pairs = fc.dictionary(fc.constantFrom('k', 'l', 'agent'), fc.constantFrom('1', '2', ''), {
  maxKeys: 2,
});
/** Few contents, so that they meet again; one of them is too large for the index. */
const contents = fc
  .constantFrom(0, 1, 2, 3)
  .map((n) => (n === 3 ? someBytes(40_000, 3) : Buffer.from(`content ${n}`)));
const ttls = fc.option(fc.constantFrom(1_000, 60_000), { nil: undefined });

const push = fc
  .record({
    session: sessionIds,
    name: names,
    bytes: contents,
    metadata: pairs,
    labels: pairs,
    ttlMs: ttls,
    request: fc.option(fc.constantFrom('r1', 'r2')),
  })
  .map(
    ({ bytes, request, ...spec }): Step =>
      async ({ store }) => {
        const whole = specOf({ ...spec, requestId: request ?? undefined });
        return store.uploads.create(tester, whole, bytes);
      },
  );
const derive = fc.record({ session: sessionIds, name: names }).map(
  ({ session, name }): Step =>
    async ({ store }) => {
      const input = await store.artifacts.get(tester, target(session, name));
      return store.uploads.create(
        tester,
        specOf({ session, name: `${name}.out`, inputs: [input.id] }),
        Buffer.from('derived'),
      );
    },
);
const remove = fc.tuple(sessionIds, names).map(
  ([session, name]): Step =>
    ({ store }) =>
      store.artifacts.delete(tester, target(session, name)),
);
const change = fc
  .record({
    session: sessionIds,
    name: names,
    labels: pairs,
    ttlMs: ttls,
    hold: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map(
    ({ session, name, labels, ttlMs, hold }): Step =>
      ({ store }) =>
        store.artifacts.update(tester, target(session, name), {
          labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
          ...(ttlMs === undefined ? { expiry: 'never' as const } : { expiry: { ttlMs } }),
          ...(hold === undefined ? {} : { hold }),
        }),
  );
const openSession = fc.tuple(sessionIds, pairs).map(
  ([id, metadata]): Step =>
    ({ store }) =>
      store.sessions.open(tester, sessionNamed(id, metadata)),
);
const seal = fc.tuple(sessionIds, fc.constantFrom<Outcome>('succeeded', 'failed')).map(
  ([id, outcome]): Step =>
    ({ store }) =>
      store.seals.seal(tester, sessionNamed(id).id, outcome),
);
const wait = fc.constantFrom(30_000, 90_000_000).map(
  (ms): Step =>
    async ({ clock }) => {
      clock.now += ms;
    },
);
const reopen = fc.constant<Step>(({ store }) => store.seals.finishPending());

const steps = fc.array(
  fc.oneof(
    { arbitrary: push, weight: 8 },
    { arbitrary: derive, weight: 2 },
    { arbitrary: remove, weight: 3 },
    { arbitrary: change, weight: 3 },
    { arbitrary: openSession, weight: 2 },
    { arbitrary: seal, weight: 1 },
    { arbitrary: wait, weight: 1 },
    { arbitrary: reopen, weight: 1 },
  ),
  { minLength: 5, maxLength: 40 },
);

/** Runs a step; refusals are fine, bugs are not. */
async function attempt(step: Step, opened: TestStore): Promise<void> {
  try {
    await step(opened);
  } catch (error) {
    if (!(error instanceof Failure) || error.reason === 'DATA_LOSS' || error.reason === 'INTERNAL')
      throw error;
  }
}

describe('the families of the index', () => {
  it('agree with the records, step after step', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await using opened = await openTestStore();
        for (const step of all) await attempt(step, opened);
        expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
      }),
      { seed: 20_261_122, numRuns: 60 },
    );
  });

  it('agree with the records when steps run at once', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await using opened = await openTestStore();
        await Promise.all(all.map((step) => attempt(step, opened)));
        expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
      }),
      { seed: 20_261_123, numRuns: 60 },
    );
  });
});
