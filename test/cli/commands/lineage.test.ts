import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Index } from '../../../src/index/door.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { Store } from '../../../src/store/open.ts';
import { addCopies } from '../../support/wide.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let index: Index;
let store: Store;
let client: ArtifactaClient;
let cli: ReturnType<typeof commandLine>;

beforeEach(async () => {
  index = await openMemoryIndex();
  store = await openTestStore(index);
  client = await connect(transportTo(store));
  cli = commandLine(transportTo(store));
});

afterEach(() => store[Symbol.asyncDispose]());

async function push(name: string, inputs: readonly string[] = []): Promise<string> {
  return (await client.push(name, { session: 'run', name, inputs })).artifact.id;
}

/** a is in b and in c, and both are in d; d is made from a as well. */
async function diamond() {
  const a = await push('a');
  const b = await push('b', [a]);
  const c = await push('c', [a]);
  const d = await push('d', [a, b, c]);
  return { a, b, c, d, named: (text: string) => nameIn(text, { a, b, c, d }) };
}

/** A tree with names for ids. */
function nameIn(text: string, ids: Readonly<Record<string, string>>): string {
  let named = text;
  for (const [name, id] of Object.entries(ids)) named = named.replaceAll(id, name.toUpperCase());
  return named;
}

describe('lineage', () => {
  it('is a tree, with what several lead to expanded once', async () => {
    const { a, d, named } = await diamond();
    const inputs = await cli(['lineage', 'run/d']);
    expect(inputs).toMatchObject({ code: 0, stderr: '' });
    expect(named(inputs.text)).toBe(
      [
        'D  run/d  v1  1 B',
        '├── A  run/a  v1  1 B',
        '├── B  run/b  v1  1 B',
        '│   └── A  run/a  v1  1 B',
        '└── C  run/c  v1  1 B',
        '    └── A  run/a  v1  1 B',
        '',
      ].join('\n'),
    );
    const e = await push('e', [d]);
    const derived = await cli(['lineage', a, '--derived']);
    expect(nameIn(named(derived.text), { e })).toBe(
      [
        'A  run/a  v1  1 B',
        '├── B  run/b  v1  1 B',
        '│   └── D  run/d  v1  1 B  (again)',
        '├── C  run/c  v1  1 B',
        '│   └── D  run/d  v1  1 B  (again)',
        '└── D  run/d  v1  1 B',
        '    └── E  run/e  v1  1 B',
        '',
      ].join('\n'),
    );
    expect(named((await cli(['lineage', a, '--derived', '--depth', '1'])).text).split('\n')).toHaveLength(5);
  });

  it('is one JSON document for each step, or ids', async () => {
    const { a, b, c, d } = await diamond();
    const { json } = await cli(['lineage', 'run/d', '--json', '--depth', '2']);
    expect(json).toMatchObject([
      { depth: 1, derived_id: d, input_id: a, artifact: { id: a, name: 'a' } },
      { depth: 1, derived_id: d, input_id: b, artifact: { inputs: [a] } },
      { depth: 1, derived_id: d, input_id: c },
      { depth: 2, derived_id: b, input_id: a },
      { depth: 2, derived_id: c, input_id: a },
    ]);
    expect((await cli(['lineage', 'run/d', '--quiet'])).text).toBe(`${a}\n${b}\n${c}\n`);
  });

  it('says what is gone, and what there is none of', async () => {
    const { a, b } = await diamond();
    await client.delete(a);
    expect((await cli(['lineage', b])).text).toContain(`└── ${a}  gone, or cannot be read\n`);
    expect((await cli(['lineage', b, '--json'])).json).toMatchObject([{ input_id: a, artifact: null }]);
    const none = await cli(['lineage', 'run/d', '--derived']);
    expect(none).toMatchObject({ code: 0, stderr: 'artifacta: nothing was made from this artifact\n' });
    expect(none.text).toContain('run/d');
    const e = await push('e');
    expect((await cli(['lineage', e])).stderr).toBe(
      'artifacta: this artifact was made from no other artifact\n',
    );
    expect(await cli(['lineage', e, '--json'])).toMatchObject({ code: 0, stderr: '', text: '' });
  });

  it('of many is complete', async () => {
    const root = await push('root');
    const ids: string[] = [];
    for (let at = 0; at < 620; at++) ids.push(await push(`n${at}`, [root]));
    expect((await cli(['lineage', root, '--derived', '--quiet'])).text.trimEnd().split('\n')).toEqual(ids);
  });

  it('shows what it has found of what is too wide to go on', { timeout: 60_000 }, async () => {
    const root = await push('root');
    const names = Array.from({ length: limits.lineageEdgesMax }, (_, at) => `n${at + 1}`);
    const last = (await addCopies(index, await push('n0', [root]), names)).at(-1)!;
    const end = await push('end', [last]);
    const ran = await cli(['lineage', root, '--derived']);
    expect(ran).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/depth: must be at most 2 for this artifact/),
    });
    expect(ran.text.trimEnd().split('\n').slice(-2)).toEqual([
      `└── ${last}  run/n${limits.lineageEdgesMax}  v1  2 B`,
      `    └── ${end}  run/end  v1  3 B`,
    ]);
    expect(await cli(['lineage', root, '--derived', '--depth', '2'])).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [['lineage', 'run/nothing'], 3, /ARTIFACT_NOT_FOUND/],
    [['lineage', 'run'], 2, /SESSION\/NAME/],
    [['lineage', 'run/a', '--depth', '0'], 2, /--depth/],
    [['lineage', 'run/a', '--version', 'x'], 2, /--version/],
    [['lineage'], 2, /ref/],
  ])('%j', async (argv, code, message) => {
    await push('a');
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
  });
});
