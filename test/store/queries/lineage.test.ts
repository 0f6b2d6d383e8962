/** Lineage by pages against a walk that knows everything. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { isExpired } from '../../../src/domain/expiry.ts';
import type { ArtifactId } from '../../../src/domain/ids.ts';
import { parseSessionPrefix } from '../../../src/domain/names.ts';
import { type Principal, seesArtifact } from '../../../src/domain/principal.ts';
import { keys } from '../../../src/index/keys.ts';
import type { ArtifactRecord } from '../../../src/index/records.ts';
import type { LineageEdge, LineageQuery } from '../../../src/store/queries/lineage.ts';
import type { Direction } from '../../../src/store/queries/lineage-walk.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { principalOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

type Asked = Partial<Omit<LineageQuery, 'target'>>;

function queryOf(wanted: LineageQuery['target'], asked: Asked = {}): LineageQuery {
  return { direction: 'derived', depth: 32, pageSize: 100, pageToken: '', ...asked, target: wanted };
}

/** Every edge, by pages, and how many these were. */
async function walk(opened: TestStore, who: Principal, id: ArtifactId, asked: Asked) {
  const edges: LineageEdge[] = [];
  const sizes: number[] = [];
  for (let pageToken = ''; ; ) {
    const page = await opened.store.lineage.list(who, queryOf({ id }, { ...asked, pageToken }));
    edges.push(...page.items);
    sizes.push(page.items.length);
    pageToken = page.nextPageToken;
    if (pageToken === '') return { edges, sizes };
  }
}

async function recordsIn(opened: TestStore): Promise<ArtifactRecord[]> {
  const found: ArtifactRecord[] = [];
  for await (const block of opened.index.scan(keys.artifacts.record.range('default')))
    for (const [, value] of block) found.push(keys.artifacts.record.decode(value));
  return found;
}

/** As the protocol says it, with no regard for cost. Edges are `depth derived input`, and whether the end is there. */
function naively(
  records: readonly ArtifactRecord[],
  who: Principal,
  start: ArtifactId,
  direction: Direction,
  depthMax: number,
  now: number,
): [edge: string, isThere: boolean][] {
  const byId = new Map(records.map((record) => [record.id, record]));
  const isThere = (id: ArtifactId) => {
    const record = byId.get(id);
    return record !== undefined && !isExpired(record, undefined, now) && seesArtifact(who, record);
  };
  const edges: [string, boolean][] = [];
  const followed = new Set([start]);
  let nears = [start];
  for (let depth = 1; depth <= depthMax && nears.length > 0; depth++) {
    const fars = new Set<ArtifactId>();
    for (const near of nears.sort()) {
      const ends =
        direction === 'inputs'
          ? byId.get(near)!.inputs
          : records.filter(({ inputs }) => inputs.includes(near)).map(({ id }) => id);
      for (const far of [...ends].sort()) {
        const [derived, input] = direction === 'inputs' ? [near, far] : [far, near];
        edges.push([`${depth} ${derived} ${input}`, isThere(far)]);
        fars.add(far);
      }
    }
    nears = [...fars].filter((id) => isThere(id) && !followed.has(id));
    for (const near of nears) followed.add(near);
  }
  return edges;
}

interface Node {
  /** How far back the artifacts are that it is made from. */
  readonly inputs: readonly number[];
  readonly session: string;
  readonly folder: string;
  readonly fate: 'stays' | 'expires' | 'deleted' | 'superseded';
}

const nodes = fc.array(
  fc.record({
    inputs: fc.uniqueArray(fc.nat({ max: 40 }), { maxLength: 6, size: 'max' }),
    session: fc.constantFrom('s', 's', 't', 't.1', 't1'),
    folder: fc.constantFrom('in', 'out'),
    fate: fc.constantFrom<Node['fate'][]>(
      'stays',
      'stays',
      'stays',
      'stays',
      'expires',
      'deleted',
      'superseded',
    ),
  }),
  { minLength: 2, maxLength: 70, size: 'max' },
);

const readers: readonly Principal[] = [
  tester,
  { ...tester, operator: false, restriction: { sessions: new Set([sessionNamed('s').id]) } },
  {
    ...tester,
    operator: false,
    restriction: {
      sessions: new Set([sessionNamed('s').id]),
      sessionPrefixes: [parseSessionPrefix('prefix', 't.')],
    },
  },
  { ...tester, operator: false, restriction: { namePrefix: 'in/' } },
];

async function build(opened: TestStore, graph: readonly Node[]): Promise<ArtifactId[]> {
  const { uploads, artifacts: made } = opened.store;
  const ids: ArtifactId[] = [];
  const push = async (node: Node, at: number, content: string) => {
    const inputs = [...new Set(node.inputs.filter((back) => back < at).map((back) => ids[at - 1 - back]!))];
    const ttlMs = node.fate === 'expires' ? 1_000 : undefined;
    const spec = specOf({ session: node.session, name: `${node.folder}/${at}`, inputs, ttlMs });
    return (await uploads.create(tester, spec, Buffer.from(content))).artifact;
  };
  for (const [at, node] of graph.entries()) ids.push((await push(node, at, `${at}`)).id);
  for (const [at, node] of graph.entries()) {
    if (node.fate === 'deleted') await made.delete(tester, { id: ids[at]! });
    // An input that has been superseded is an input still.
    if (node.fate === 'superseded')
      await uploads.create(
        tester,
        specOf({ session: node.session, name: `${node.folder}/${at}` }),
        Buffer.from('new'),
      );
  }
  opened.clock.now += 1_000;
  return ids;
}

it('pages of any size are what a naive walk gives', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      nodes,
      fc.nat(),
      fc.constantFrom<Direction[]>('inputs', 'derived'),
      fc.constantFrom(1, 2, 3, 4, 32),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...readers),
      async (graph, at, direction, depth, pageSize, who) => {
        await using opened = await openTestStore();
        const ids = await build(opened, graph);
        // Ends of the graph, from which most of it is seen, and one anywhere.
        for (const start of [ids[0]!, ids.at(-1)!, ids[at % ids.length]!]) {
          const found = await opened.store.artifacts.get(who, { id: start }).catch(() => undefined);
          const asked = { direction, depth, pageSize };
          if (found === undefined) {
            await expect(walk(opened, who, start, asked)).rejects.toThrow(/does not exist|expired/);
            continue;
          }
          const expected = naively(await recordsIn(opened), who, start, direction, depth, opened.clock.now);
          for (const size of [pageSize, 1_000]) {
            const { edges, sizes } = await walk(opened, who, start, { ...asked, pageSize: size });
            expect(edges.map(shown)).toEqual(expected);
            // Full pages, and no token where nothing follows.
            expect(sizes.slice(0, -1).every((count) => count === size)).toBe(true);
            expect(sizes).toHaveLength(Math.max(1, Math.ceil(expected.length / size)));
            for (const { artifact } of edges) await expectTrue(opened, who, artifact);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

function shown({ depth, derivedId, inputId, artifact }: LineageEdge): [string, boolean] {
  return [`${depth} ${derivedId} ${inputId}`, artifact !== undefined];
}

/** What lineage tells of an artifact is what getting it tells. */
async function expectTrue(opened: TestStore, who: Principal, artifact: Artifact | undefined): Promise<void> {
  if (artifact !== undefined)
    expect(artifact).toEqual(await opened.store.artifacts.get(who, { id: artifact.id }));
}

describe('a page token of lineage', () => {
  const invalid = { reason: 'PAGE_TOKEN_INVALID', violations: [{ field: 'page_token' }] };

  async function withChildren(count: number) {
    const opened = await openTestStore();
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const push = async (name: string, inputs: readonly ArtifactId[] = [], content = name) =>
      (
        await opened.store.uploads.create(
          tester,
          specOf({ session: 's', name, inputs }),
          Buffer.from(content),
        )
      ).artifact.id;
    const root = await push('root');
    const children: ArtifactId[] = [];
    for (let at = 0; at < count; at++) children.push(await push(`c${at}`, [root]));
    return { opened, push, root, children };
  }

  it('is good for its caller and its query only, whatever the page size', async () => {
    const { opened, root } = await withChildren(4);
    const list = (who: Principal, asked: Asked, wanted: LineageQuery['target'] = { id: root }) =>
      opened.store.lineage.list(who, queryOf(wanted, { pageSize: 1, depth: 2, ...asked }));
    const { nextPageToken: pageToken } = await list(tester, {});
    expect((await list(tester, { pageToken, pageSize: 3 })).items).toHaveLength(3);
    const elsewhere = principalOf({ namespace: 'other' });
    await opened.store.namespaces.ensure(elsewhere.namespace);
    const altered = `${pageToken.slice(0, -2)}${pageToken.endsWith('BA') ? 'CA' : 'BA'}`;
    for (const call of [
      list(principalOf({ subject: 'somebody' }), { pageToken }),
      list(elsewhere, { pageToken }),
      list(tester, { pageToken, depth: 3 }),
      list(tester, { pageToken, direction: 'inputs' }),
      list(tester, { pageToken }, target('s', 'root')),
      list(tester, { pageToken: altered }),
      list(tester, { pageToken: 'nonsense' }),
    ])
      await expect(call).rejects.toMatchObject(invalid);
  });

  it('goes on with the same artifact when its name has a later version', async () => {
    const { opened, push, children } = await withChildren(3);
    const wanted = target('s', 'root');
    const first = await opened.store.lineage.list(tester, queryOf(wanted, { pageSize: 2 }));
    await push('root', [], 'a later version');
    const second = await opened.store.lineage.list(
      tester,
      queryOf(wanted, { pageSize: 2, pageToken: first.nextPageToken }),
    );
    expect([...first.items, ...second.items].map(({ derivedId }) => derivedId)).toEqual(children);
    expect((await opened.store.lineage.list(tester, queryOf(wanted))).items).toEqual([]);
  });

  it('goes on after an edge that is gone, and shows what came in between', async () => {
    const { opened, push, root, children } = await withChildren(3);
    const first = await opened.store.lineage.list(tester, queryOf({ id: root }, { pageSize: 2 }));
    await opened.store.artifacts.delete(tester, { id: children[1]! });
    const late = await push('late', [root]);
    const { items } = await opened.store.lineage.list(
      tester,
      queryOf({ id: root }, { pageToken: first.nextPageToken }),
    );
    expect(items.map(({ derivedId }) => derivedId)).toEqual([children[2], late]);
  });

  it('of a walk whose start is gone is of no use', async () => {
    const { opened, root } = await withChildren(3);
    const { nextPageToken } = await opened.store.lineage.list(tester, queryOf({ id: root }, { pageSize: 2 }));
    await opened.store.artifacts.delete(tester, { id: root });
    await expect(
      opened.store.lineage.list(tester, queryOf({ id: root }, { pageToken: nextPageToken })),
    ).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
  });
});
