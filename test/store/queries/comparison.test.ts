/** Comparisons by pages against one that knows everything. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import { type Principal, seesArtifact } from '../../../src/domain/principal.ts';
import type { ComparisonQuery, Difference, DifferenceKind } from '../../../src/store/queries/comparison.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { principalOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

type Asked = Partial<Omit<ComparisonQuery, 'base' | 'session'>>;

function queryOf(base: string, session: string, asked: Asked = {}): ComparisonQuery {
  const ids = { base: parseSessionId('base', base), session: parseSessionId('session', session) };
  return { showUnchanged: false, pageSize: 100, pageToken: '', ...asked, ...ids };
}

async function compare(opened: TestStore, who: Principal, base: string, session: string, asked: Asked) {
  const found: Difference[] = [];
  const sizes: number[] = [];
  for (let pageToken = ''; ; ) {
    const page = await opened.store.comparison.compare(who, queryOf(base, session, { ...asked, pageToken }));
    found.push(...page.items);
    sizes.push(page.items.length);
    pageToken = page.nextPageToken;
    if (pageToken === '') return { found, sizes };
  }
}

/** One version, and what becomes of it. */
interface Version {
  readonly name: string;
  readonly content: string;
  readonly contentType: string;
  readonly metadata: Record<string, string>;
  readonly fate: 'stays' | 'expires' | 'deleted';
}

/** Names that UTF-16 sorts otherwise than UTF-8 does, prefixes of others, and bytes that keys have to escape. */
const names = ['a', 'a/b', 'a0', 'ab', 'b', '\u{1f600}', '\uffee', '漢字.txt', 'é'];

const versions = fc.array(
  fc.record({
    name: fc.constantFrom(...names),
    content: fc.constantFrom('1', '2'),
    contentType: fc.constantFrom('text/plain', 'text/plain', 'text/html'),
    metadata: fc.dictionary(fc.constantFrom('own', 'shared'), fc.constantFrom('1', '2'), { maxKeys: 2 }),
    fate: fc.constantFrom<Version['fate'][]>('stays', 'stays', 'stays', 'expires', 'deleted'),
  }),
  { maxLength: 14, size: 'max' },
);

async function fill(
  opened: TestStore,
  session: string,
  wanted: readonly Version[],
  inherited: string,
): Promise<void> {
  await opened.store.sessions.open(tester, sessionNamed(session, { shared: inherited, session }));
  for (const [at, { fate, content, ...said }] of wanted.entries()) {
    const spec = { ...said, session, newVersion: true, requestId: `${session}${at}` };
    const ttlMs = fate === 'expires' ? 1_000 : undefined;
    const { artifact } = await opened.store.uploads.create(
      tester,
      specOf({ ...spec, ttlMs }),
      Buffer.from(content),
    );
    if (fate === 'deleted') await opened.store.artifacts.delete(tester, { id: artifact.id });
  }
}

async function latestOf(opened: TestStore, who: Principal, session: string, name: string) {
  if (!seesArtifact(who, { session, name })) return undefined;
  return await opened.store.artifacts.get(who, target(session, name)).catch(() => undefined);
}

function own({ metadata, inherited }: Artifact): string {
  return JSON.stringify(metadata.filter(([key]) => !inherited.includes(key)));
}

function kindOf(base: Artifact | undefined, compared: Artifact | undefined): DifferenceKind | undefined {
  if (!base || !compared) return base ? 'removed' : compared ? 'added' : undefined;
  if (base.sha256 !== compared.sha256) return 'content';
  return base.contentType === compared.contentType && own(base) === own(compared) ? 'none' : 'metadata';
}

const readers: readonly Principal[] = [
  tester,
  { ...tester, operator: false, restriction: { namePrefix: 'a' } },
];

it('pages of any size are what looking at every name gives', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      versions,
      versions,
      fc.constantFrom('1', '2'),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.constantFrom(...readers),
      async (left, right, inherited, pageSize, showUnchanged, who) => {
        await using opened = await openTestStore();
        await fill(opened, 's', left, '1');
        await fill(opened, 't', right, inherited);
        opened.clock.now += 1_000;
        const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        for (const [one, other] of [
          ['s', 't'],
          ['t', 's'],
          ['s', 's'],
        ] as const) {
          const expected: Difference[] = [];
          for (const name of sorted) {
            const base = await latestOf(opened, who, one, name);
            const compared = await latestOf(opened, who, other, name);
            const kind = kindOf(base, compared);
            if (kind === undefined || (kind === 'none' && !showUnchanged)) continue;
            expected.push({ name, kind, base, compared });
          }
          for (const size of [pageSize, 1_000]) {
            const { found, sizes } = await compare(opened, who, one, other, {
              showUnchanged,
              pageSize: size,
            });
            expect(found).toEqual(expected);
            expect(sizes).toHaveLength(Math.max(1, Math.ceil(expected.length / size)));
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

describe('a comparison', () => {
  async function withSessions() {
    const opened = await openTestStore();
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const push = (session: string, name: string, said = {}) =>
      opened.store.uploads.create(
        tester,
        specOf({ session, name, ...said }),
        Buffer.from(`${session} ${name}`),
      );
    for (const name of ['a', 'b', 'c', 'd']) for (const session of ['s', 't']) await push(session, name);
    return { opened, push };
  }

  it('has tokens of its own caller and query', async () => {
    const { opened } = await withSessions();
    const elsewhere = principalOf({ namespace: 'other' });
    await opened.store.namespaces.ensure(elsewhere.namespace);
    for (const session of ['s', 't'])
      await opened.store.uploads.create(elsewhere, specOf({ session, name: 'a' }), Buffer.from(session));
    const page = (who: Principal, asked: Asked, sessions: readonly [string, string] = ['s', 't']) =>
      opened.store.comparison.compare(who, queryOf(...sessions, { pageSize: 1, ...asked }));
    const { nextPageToken: pageToken } = await page(tester, {});
    expect((await page(tester, { pageToken, pageSize: 2 })).items.map(({ name }) => name)).toEqual([
      'b',
      'c',
    ]);
    for (const call of [
      page(principalOf({ subject: 'somebody' }), { pageToken }),
      page(elsewhere, { pageToken }),
      page(tester, { pageToken, showUnchanged: true }),
      page(tester, { pageToken }, ['t', 's']),
      page(tester, { pageToken }, ['s', 's']),
      page(tester, { pageToken: `${pageToken}A` }),
    ])
      await expect(call).rejects.toMatchObject({
        reason: 'PAGE_TOKEN_INVALID',
        violations: [{ field: 'page_token' }],
      });
  });

  it('knows only the sessions that the caller may see', async () => {
    const { opened } = await withSessions();
    const limited = { ...tester, restriction: { sessions: new Set([parseSessionId('session', 's')]) } };
    const outside = (who: Principal, base: string, session: string) =>
      opened.store.comparison.compare(who, queryOf(base, session));
    await expect(outside(limited, 's', 's')).resolves.toMatchObject({ items: [] });
    for (const [who, base, session, named] of [
      [limited, 's', 't', 't'],
      [limited, 't', 's', 't'],
      [tester, 's', 'nobody', 'nobody'],
      [limited, 'nobody', 's', 'nobody'],
    ] as const)
      await expect(outside(who, base, session)).rejects.toMatchObject({
        reason: 'SESSION_NOT_FOUND',
        metadata: { session: named },
        message: `session ${named} does not exist`,
      });
  });

  it('ends a page when its records hold 1 MiB', async () => {
    const { opened, push } = await withSessions();
    const metadata = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`k${at}`, 'v'.repeat(1_024)]));
    await Promise.all(Array.from({ length: 200 }, (_, at) => push('s', `n${at}`, { metadata })));
    const { found, sizes } = await compare(opened, tester, 's', 't', { pageSize: 1_000 });
    expect(found).toHaveLength(204);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(150);
  });
});
