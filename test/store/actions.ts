/** Arbitrary actions of a store's life, for properties that hold whatever is done. */
import fc from 'fast-check';
import { Failure } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { Upload } from '../../src/store/artifacts/upload.ts';
import { someBytes } from '../support/calls.ts';
import type { TestStore } from '../support/service.ts';
import { digestOf, sessionNamed, specOf, target, tester } from '../support/specs.ts';

/** How the next batch fails, if it does; whatever writes it forgets this. */
export type Faults = { next?: 'written' | 'unwritten' | undefined };

export type World = Pick<TestStore, 'store' | 'clock'> & { readonly faults: Faults };
type Action = (world: World) => Promise<unknown>;

/** An action that a failing property prints as what it does. */
function action(what: string, said: unknown, run: Action): Action {
  return Object.assign(run, { [fc.toStringMethod]: () => `${what} ${JSON.stringify(said)}` });
}

/** Few, so that most actions find something. */
const sessionIds = fc.constantFrom('s', 's', 't');
const names = fc.constantFrom('a', 'a', 'c/d.json');
const pairs = fc.dictionary(fc.constantFrom('k', 'l', 'agent'), fc.constantFrom('1', '2', ''), {
  maxKeys: 2,
});
/** Few contents, so that they meet again; one of them is too large for the index. */
const contents = fc
  .constantFrom(0, 1, 2, 3)
  .map((n) => (n === 3 ? someBytes(40_000, 3) : Buffer.from(`content ${n}`)));
const ttls = fc.option(fc.constantFrom(1_000, 60_000), { nil: undefined });
const requestIds = fc.option(fc.constantFrom('r1', 'r2'), { nil: undefined });

const specs = fc
  .record({
    session: sessionIds,
    name: names,
    contentType: fc.option(
      fc.constantFrom('text/plain', 'text/html', 'text/html; charset=x', 'application/octet-stream'),
      { nil: undefined, freq: 2 },
    ),
    metadata: pairs,
    labels: pairs,
    ttlMs: ttls,
    requestId: requestIds,
    newVersion: fc.boolean(),
  })
  .map((spec) => specOf({ ...spec, newVersion: spec.newVersion && spec.requestId !== undefined }));

const push = fc
  .tuple(specs, contents)
  .map(([spec, bytes]) =>
    action('push', [spec, bytes.length], ({ store }) => store.uploads.create(tester, spec, bytes)),
  );
const stream = fc
  .record({
    spec: specs,
    bytes: contents,
    chunkSizes: fc.array(fc.constantFrom(1_000, 7_777, 32_767, 40_000), { minLength: 1, maxLength: 3 }),
    isFinished: fc.boolean(),
  })
  .map(({ spec, bytes, chunkSizes, isFinished }) =>
    action('stream', [spec, bytes.length, chunkSizes, isFinished], async ({ store }) => {
      const begun = await store.uploads.begin(tester, spec);
      if (!(begun instanceof Upload)) return begun;
      await using upload = begun;
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = chunkSizes[turn % chunkSizes.length]!;
        await upload.write(bytes.subarray(at, at + size));
        at += size;
      }
      return isFinished ? await upload.finish({ sizeBytes: bytes.length, sha256: undefined }) : undefined;
    }),
  );
const pushDigest = fc
  .tuple(specs, contents)
  .map(([spec, bytes]) =>
    action('push by digest', [spec, bytes.length], ({ store }) =>
      store.uploads.createByDigest(tester, spec, digestOf(bytes)),
    ),
  );
const derive = fc.record({ session: sessionIds, name: names }).map(({ session, name }) =>
  action('derive', [session, name], async ({ store }) => {
    const input = await store.artifacts.get(tester, target(session, name));
    return store.uploads.create(
      tester,
      specOf({ session, name: `${name}.out`, inputs: [input.id] }),
      Buffer.from('derived'),
    );
  }),
);
const remove = fc
  .tuple(sessionIds, names, fc.option(fc.integer({ min: 1, max: 3 })))
  .map(([session, name, version]) =>
    action('delete', [session, name, version], ({ store }) =>
      store.artifacts.delete(tester, target(session, name, version ?? undefined)),
    ),
  );
const change = fc
  .record({
    session: sessionIds,
    name: names,
    version: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 2 }),
    labels: pairs,
    ttlMs: ttls,
    hold: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map(({ session, name, version, labels, ttlMs, hold }) =>
    action('update', [session, name, version, labels, ttlMs, hold], ({ store }) =>
      store.artifacts.update(tester, target(session, name, version), {
        labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
        ...(ttlMs === undefined ? { expiry: 'never' as const } : { expiry: { ttlMs } }),
        ...(hold === undefined ? {} : { hold }),
      }),
    ),
  );
const openSession = fc
  .tuple(sessionIds, pairs)
  .map(([id, metadata]) =>
    action('open', [id, metadata], ({ store }) => store.sessions.open(tester, sessionNamed(id, metadata))),
  );
const seal = fc
  .tuple(sessionIds, fc.constantFrom<Outcome>('succeeded', 'failed'))
  .map(([id, outcome]) =>
    action('seal', [id, outcome], ({ store }) => store.seals.seal(tester, sessionNamed(id).id, outcome)),
  );
const wait = fc.constantFrom(30_000, 90_000_000).map((ms) =>
  action('wait', ms, async ({ clock }) => {
    clock.now += ms;
  }),
);
const finishSeals = fc.constant(action('finish seals', [], ({ store }) => store.seals.finishPending()));
const fail = fc.constantFrom('written' as const, 'unwritten' as const).map((outcome) =>
  action('fail', outcome, async ({ faults }) => {
    faults.next = outcome;
  }),
);

export const actions = fc.array(
  fc.oneof(
    { arbitrary: push, weight: 6 },
    { arbitrary: stream, weight: 4 },
    { arbitrary: pushDigest, weight: 2 },
    { arbitrary: derive, weight: 2 },
    { arbitrary: remove, weight: 4 },
    { arbitrary: change, weight: 3 },
    { arbitrary: openSession, weight: 2 },
    { arbitrary: seal, weight: 1 },
    { arbitrary: wait, weight: 1 },
    { arbitrary: finishSeals, weight: 1 },
    { arbitrary: fail, weight: 1 },
  ),
  { minLength: 5, maxLength: 40 },
);

/** Runs an action; refusals are fine, bugs are not. Says whether it succeeded. */
export async function attempt(run: Action, world: World): Promise<boolean> {
  try {
    await run(world);
    return true;
  } catch (error) {
    if (!(error instanceof Failure) || error.reason === 'DATA_LOSS' || error.reason === 'INTERNAL')
      throw error;
    return false;
  }
}
