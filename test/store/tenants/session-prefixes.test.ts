/**
 * A token for what session ids begin with. Whatever a store holds, such a token is told what is left of the answer for
 * everything when what it may not see is taken away.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { parseSessionId, parseSessionPrefix } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { queryOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const word = fc.constantFrom('run_4', 'run_42', 'run_421', 'a', '1', '2', '3', '4');
const id = fc
  .tuple(word, fc.array(fc.tuple(fc.constantFrom('.', ':', '_', ''), word), { maxLength: 3 }))
  .map(([first, more]) => first + more.map((part) => part.join('')).join(''));
const prefix = fc.tuple(id, fc.constantFrom('.', ':')).map((parts) => parts.join(''));
const restrictions = fc.record({
  sessions: fc.array(id, { maxLength: 3 }),
  prefixes: fc.array(fc.oneof(fc.constantFrom('run_42.', 'run_4.', 'a:'), prefix), { maxLength: 4 }),
});
const filters = fc.constantFrom(
  '',
  'metadata.kind = "even"',
  'session = "run_42*"',
  'session != "run_4*" AND metadata.kind = "odd"',
  'session = "run_42.1" OR session = "a*"',
  'NOT session = "run_42.*"',
  'session.state = "OPEN"',
);

interface Limits {
  readonly sessions: readonly string[];
  readonly prefixes: readonly string[];
}

function limited({ sessions, prefixes }: Limits): Principal {
  const restriction = {
    sessions: new Set(sessions.map((one) => parseSessionId('session', one))),
    sessionPrefixes: prefixes.map((one) => parseSessionPrefix('prefix', one)),
  };
  return { ...tester, subject: 'tok_a', operator: false, restriction };
}

/** What is allowed, said without the code that is tested. */
function allows({ sessions, prefixes }: Limits, session: string): boolean {
  if (sessions.includes(session)) return true;
  return prefixes.some((one) => session.slice(0, one.length) === one);
}

/** Two artifacts in each session, each made from the one before; some sessions are sealed. */
async function filled(ids: readonly string[]): Promise<{ opened: TestStore; artifacts: Artifact[] }> {
  const opened = await openTestStore();
  const { store, clock } = opened;
  const artifacts: Artifact[] = [];
  for (const [at, session] of ids.entries()) {
    const metadata = { kind: at % 2 === 0 ? 'even' : 'odd' };
    await store.sessions.open(tester, sessionNamed(session, metadata));
    for (const name of ['a', 'b']) {
      const last = artifacts.at(-1);
      const inputs = last === undefined ? [] : [last.id];
      const spec = specOf({ session, name, metadata, inputs });
      artifacts.push((await store.uploads.create(tester, spec, Buffer.from(`${session} ${name}`))).artifact);
    }
    if (at % 3 === 0) await store.seals.seal(tester, parseSessionId('session', session), 'succeeded');
    clock.now += at % 4;
  }
  return { opened, artifacts };
}

type Page<T> = Promise<{ readonly items: readonly T[]; readonly nextPageToken: string }>;

async function all<T>(page: (pageToken: string) => Page<T>): Promise<T[]> {
  const items: T[] = [];
  for (let token = ''; ; ) {
    const { items: some, nextPageToken } = await page(token);
    items.push(...some);
    if (nextPageToken === '') return items;
    token = nextPageToken;
  }
}

const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: { reason: string }) => error.reason,
  );

it('lists and finds what a filtered listing of everything has', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(id, { minLength: 1, maxLength: 60, size: 'max' }),
      restrictions,
      filters,
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      async (ids, limits, filter, pageSize, oldestFirst) => {
        const { opened, artifacts } = await filled(ids);
        await using _closing = opened;
        const { store } = opened;
        const by = limited(limits);
        const isAllowed = (session: string) => allows(limits, session);
        const query = { filter, pageSize, oldestFirst };
        const artifactsOf = (who: Principal) =>
          all((pageToken) =>
            store.listing.artifacts(who, { ...queryOf('s', { ...query, pageToken }), session: undefined }),
          );
        const sessionsOf = (who: Principal) =>
          all((pageToken) => store.listing.sessions(who, { ...query, pageToken }));
        expect(await artifactsOf(by)).toEqual(
          (await artifactsOf(tester)).filter(({ session }) => isAllowed(session)),
        );
        expect(await sessionsOf(by)).toEqual((await sessionsOf(tester)).filter((one) => isAllowed(one.id)));
        for (const artifact of artifacts) {
          const wanted = isAllowed(artifact.session) ? 'OK' : 'ARTIFACT_NOT_FOUND';
          expect(await reasonOf(store.artifacts.get(by, { id: artifact.id }))).toBe(wanted);
        }
      },
    ),
    { numRuns: 60 },
  );
});

it('decides by the session in everything that names one', async () => {
  const { opened, artifacts } = await filled(['run_421', 'run_42', 'run_42.1', 'run_42.1.7']);
  await using _closing = opened;
  const { store } = opened;
  const limits = { sessions: [], prefixes: ['run_42.'] };
  const by = limited(limits);
  const named = (session: string) => parseSessionId('session', session);
  const ofAll = async (act: (session: string) => Promise<unknown>) =>
    await Promise.all(['run_421', 'run_42', 'run_42.1', 'run_42.9'].map((one) => reasonOf(act(one))));
  const compared = (session: string) => ({
    base: named('run_42.1'),
    session: named(session),
    showUnchanged: false,
    pageSize: 10,
    pageToken: '',
  });
  const denied = 'PERMISSION_DENIED';
  const unknown = 'SESSION_NOT_FOUND';
  expect(await ofAll((one) => store.sessions.open(by, sessionNamed(one)))).toEqual([
    denied,
    denied,
    'SESSION_CONFLICT',
    'OK',
  ]);
  const spec = (session: string) => specOf({ session, name: 'new' });
  expect(await ofAll((one) => store.uploads.create(by, spec(one), Buffer.from('x')))).toEqual([
    denied,
    denied,
    'OK',
    'OK',
  ]);
  expect(await ofAll((one) => store.sessions.get(by, named(one)))).toEqual([unknown, unknown, 'OK', 'OK']);
  expect(await ofAll((one) => store.listing.artifacts(by, queryOf(one)))).toEqual([
    unknown,
    unknown,
    'OK',
    'OK',
  ]);
  expect(await ofAll((one) => store.comparison.compare(by, compared(one)))).toEqual([
    unknown,
    unknown,
    'OK',
    'OK',
  ]);
  expect(await ofAll((one) => store.links.create(by, target(one, 'a'), undefined))).toEqual([
    unknown,
    unknown,
    'OK',
    'ARTIFACT_NOT_FOUND',
  ]);
  expect(await ofAll((one) => store.seals.seal(by, named(one), 'succeeded'))).toEqual([
    unknown,
    unknown,
    'OK',
    'OK',
  ]);
  // The content of a session that it may not see is none that it can push by digest.
  const hidden = artifacts.find(({ session }) => session === 'run_421')!;
  const digest = { sha256: hidden.sha256, sizeBytes: hidden.sizeBytes };
  expect(await reasonOf(store.uploads.createByDigest(by, spec('run_42.8'), digest))).toBe(
    'CONTENT_NOT_FOUND',
  );
  expect(await reasonOf(store.uploads.createByDigest(tester, spec('other'), digest))).toBe('OK');
});

it.each([
  ['few', 3, true],
  ['many', 40, false],
])(
  'reads the lists of these sessions alone if they are %s',
  { timeout: 30_000 },
  async (_what, count, isOfThem) => {
    const others = Array.from({ length: 150 }, (_, at) => `other${at}`);
    const below = Array.from({ length: count }, (_, at) => `run_42.${at}`);
    const { opened } = await filled([...below, ...others]);
    await using _closing = opened;
    const { listing } = opened.store;
    const by = limited({ sessions: ['run_42'], prefixes: ['run_42.'] });
    const query = { ...queryOf('s', { pageSize: 1_000 }), session: undefined };
    const artifacts = await listing.artifacts(by, query);
    const sessions = await listing.sessions(by, query);
    expect(artifacts.items.map(({ session }) => session)).toEqual(
      below.flatMap((one) => [one, one]).reverse(),
    );
    expect(sessions.items.map(({ id }) => id)).toEqual(below.toReversed());
    for (const { entriesRead, recordsRead, driver } of [artifacts.explain(), sessions.explain()]) {
      expect(driver).toBe(isOfThem ? 'session = "run_42" OR session = "run_42.*"' : 'time');
      // Two artifacts in each session; each is an entry and a record.
      expect(entriesRead + recordsRead < 40).toBe(isOfThem);
    }
  },
);
