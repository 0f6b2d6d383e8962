/** Runs within runs: `ls` lists each below its outer one, `diff` compares those of the same number. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inTree } from '../../../src/cli/running/run-tree.ts';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Session } from '../../../src/client/sessions/session.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  store = await openTestStore();
  client = await connect(transportTo(store));
  cli = commandLine(transportTo(store));
});

afterEach(() => store[Symbol.asyncDispose]());

/** Opens sessions, each after those before it; one whose id has a dot is a run within another. */
async function open(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const dot = id.lastIndexOf('.');
    await client.sessions.open(id, dot < 0 ? {} : { metadata: { parent: id.slice(0, dot) } });
  }
}

async function cells(...argv: string[]): Promise<string[][]> {
  const ran = await cli(argv);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  const rows = ran.text.trimEnd().split('\n').slice(1);
  return rows.map((line) => line.split(/ {2,}(?=[^ ])/));
}

/** The last column with its indentation, which begins after the widest cell before it. */
async function names(...argv: string[]): Promise<string[]> {
  const [heading = '', ...rows] = (await cli(argv)).text.trimEnd().split('\n');
  const at = heading.indexOf('NAME');
  return rows.map((row) => `${row.slice(0, 11).trim()} ${row.slice(at)}`);
}

describe('ls', () => {
  it('shows runs within a run below that, at any depth', async () => {
    await open('a', 'a.1', 'b', 'a.1.1', 'b.1', 'a.2', 'c.7');
    await client.sessions.open('a.x', {});
    const listed = (await cli(['ls'])).text.split('\n').slice(1, -1);
    expect(listed.map((line) => line.slice(0, line.indexOf('open')).trimEnd())).toEqual([
      'a.x',
      'b',
      '  b.1',
      'a',
      '  a.2',
      '  a.1',
      '    a.1.1',
      'c.7',
    ]);
    expect((await cells('ls', '--limit', '2')).map(([id]) => id)).toEqual(['a.x', 'c.7']);
  });

  it('lists all sessions in their order for programs', async () => {
    await open('a', 'a.1', 'b', 'a.1.1');
    expect((await cli(['ls', '--quiet'])).text).toBe('a.1.1\nb\na.1\na\n');
    const lines = (await cli(['ls', '--json'])).text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(['a.1.1', 'b', 'a.1', 'a']);
  });
});

const sessions = fc.array(
  fc.record({ outer: fc.nat({ max: 30 }), isInner: fc.boolean(), isListed: fc.boolean() }),
  { maxLength: 40 },
);

it('a tree has every session once, below its outer one if that is listed', async () => {
  await fc.assert(
    fc.asyncProperty(sessions, async (made) => {
      const ids: string[] = [];
      const all = made.map(({ outer, isInner }, at) => {
        const parent = isInner ? ids[outer % Math.max(1, at)] : undefined;
        ids.push(parent === undefined ? `s${at}` : `${parent}.${at}`);
        return { id: ids[at]!, metadata: parent === undefined ? {} : { parent } } as unknown as Session;
      });
      const listed = all.filter((_, at) => made[at]!.isListed).reverse();
      async function* newestFirst() {
        yield* listed;
      }
      const placed = [];
      for await (const one of inTree(newestFirst())) placed.push(one);
      expect(new Set(placed.map(({ session }) => session))).toEqual(new Set(listed));
      expect(placed).toHaveLength(listed.length);
      for (const [at, { session, depth }] of placed.entries()) {
        const outer = listed.find(({ id }) => id === session.metadata.parent);
        const before = placed.slice(0, at).findLast((one) => one.depth < depth);
        expect([session.id, depth > 0, before?.session.id]).toEqual([
          session.id,
          outer !== undefined,
          depth > 0 ? outer?.id : before?.session.id,
        ]);
      }
    }),
  );
});

describe('diff', () => {
  beforeEach(async () => {
    await open(
      'good',
      'bad',
      'good.1',
      'bad.1',
      'good.1.1',
      'bad.1.1',
      'good.2',
      'good.10',
      'bad.10',
      'bad.11',
    );
    const push = (session: string, name: string, content: string) => client.push(content, { session, name });
    for (const run of ['good', 'bad']) {
      await push(run, 'out.txt', run);
      await push(`${run}.1`, 'same', 'x');
      await push(`${run}.1.1`, 'deep', `deep ${run}`);
      await push(`${run}.10`, 'same', 'x');
    }
    await push('good.2', 'gone', '1');
    await push('bad.11', 'new', '22');
  });

  it('compares runs within two runs by their numbers', async () => {
    expect(await names('diff', 'good', 'bad')).toEqual([
      'changed out.txt',
      'run good.1 → bad.1',
      'run   good.1.1 → bad.1.1',
      'changed     deep',
      'removed run good.2',
      'removed   gone',
      'added run bad.11',
      'added   new',
    ]);
    expect(await names('diff', 'good', 'bad', '--all')).toEqual([
      'changed out.txt',
      'run good.1 → bad.1',
      'same   same',
      'run   good.1.1 → bad.1.1',
      'changed     deep',
      'removed run good.2',
      'removed   gone',
      'run good.10 → bad.10',
      'same   same',
      'added run bad.11',
      'added   new',
    ]);
  });

  it('gives programs the artifacts of all of them', async () => {
    const lines = (await cli(['diff', 'good', 'bad', '--json'])).text.trimEnd().split('\n');
    const told = lines.map((line) => JSON.parse(line));
    expect(
      told.map(({ kind, name, base, compared }) => [kind, name, base?.session, compared?.session]),
    ).toEqual([
      ['CONTENT', 'out.txt', 'good', 'bad'],
      ['CONTENT', 'deep', 'good.1.1', 'bad.1.1'],
      ['REMOVED', 'gone', 'good.2', undefined],
      ['ADDED', 'new', undefined, 'bad.11'],
    ]);
  });

  it('says that runs do not differ if those within them do not, either', async () => {
    await open('one', 'two', 'one.1', 'two.1');
    expect(await cli(['diff', 'one', 'two'])).toMatchObject({ code: 0, text: '' });
    await client.push('x', { session: 'one.1', name: 'a' });
    expect(await names('diff', 'one', 'two')).toEqual(['run one.1 → two.1', 'removed   a']);
  });
});
