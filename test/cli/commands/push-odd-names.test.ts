/** Files, directories and links of a tree whose names are no UTF-8: told, and left out by how they are shown. */
import { mkdir, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../../src/store/open.ts';
import { removeDirectory } from '../../support/directories.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let cli: ReturnType<typeof commandLine>;
let directory: string;
let tree: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'artifacta-names-')));
  tree = join(directory, 'tree');
  store = await openTestStore();
  cli = commandLine(transportTo(store));
  for (const at of ['tree/sub', 'other']) await mkdir(join(directory, at), { recursive: true });
  for (const name of ['tree/a', 'tree/sub/b', 'other/y']) await writeFile(join(directory, name), name);
  await writeFile(odd('.txt'), 'x');
  await writeFile(odd('[1] .txt', 'sub'), 'x');
  await mkdir(odd(''));
  await writeFile(Buffer.concat([odd(''), Buffer.from('/c')]), 'x');
  await symlink('a', odd('-link'));
  await symlink('../other', odd('-dir'));
  await symlink('nowhere', odd('-gone'));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await removeDirectory(directory);
});

/** Pushes the tree; the names that the session has afterwards. */
async function push(...flags: string[]) {
  const { code, stderr } = await cli(['push', tree, '--session', 'run', ...flags]);
  const listed = await cli(['ls', 'run', '--json']);
  const names = listed.code === 0 ? listed.json.map(({ name }) => String(name)).sort() : [];
  return { code, stderr, names };
}

/** `caf`, a byte of Latin-1, and more; below the tree. */
const odd = (more: string, ...above: string[]) =>
  Buffer.from([tree, ...above, `caf\u00e9${more}`].join('/'), 'latin1');

it('are failures, each of which says how to leave it out; all else is stored', async () => {
  const { code, stderr, names } = await push();
  expect({ code, names }).toEqual({ code: 1, names: ['a', 'sub/b'] });
  const ways = [...stderr.matchAll(/: rename it, or leave it out with --exclude '([^']+)'\n/g)];
  const said = ways.map(([, way]) => way!);
  expect(said).toEqual(['/caf?', '/caf?-dir', '/caf?-gone', '/caf?-link', '/caf?.txt', '/sub/caf??1??.txt']);
  const left = await push('--json', ...said.flatMap((pattern) => ['--exclude', pattern]));
  expect(left).toMatchObject({ code: 0, names: ['a', 'sub/b'] });
  expect(left.stderr).toBe('{"left_out":{"count":6,"reasons":{"excluded":6}}}\n');
});

it.each([['caf*'], ['caf?', 'caf?-*', 'caf?*.txt'], ['/caf\ufffd*', 'sub/'], ['caf[!e]*']])(
  'are left out by %j, as they are shown',
  async (...patterns) => {
    const { code, names } = await push(...patterns.flatMap((pattern) => ['--exclude', pattern]));
    expect({ code, names }).toEqual({ code: 0, names: patterns.includes('sub/') ? ['a'] : ['a', 'sub/b'] });
    await writeFile(join(tree, '.artifactaignore'), patterns.join('\n'));
    expect(await push()).toMatchObject({ code: 0 });
  },
);

it('are directories for a pattern with a slash at its end, also behind links', async () => {
  const { stderr } = await push('--exclude', 'caf*/', '--quiet');
  const refused = [...stderr.matchAll(/caf\ufffd(.*): its name/g)].map(([, more]) => more);
  expect(refused).toEqual(['-gone', '-link', '.txt', '[1] .txt']);
});

it('are skipped with all links, and refused with --links follow', async () => {
  const skipped = await push('--links', 'skip', '--exclude', 'caf?', '--exclude', 'caf*.txt');
  expect(skipped).toMatchObject({ code: 0, stderr: expect.stringMatching(/3 symbolic links\n$/) });
  const followed = await push('--links', 'follow');
  expect(followed.stderr.match(/is not valid UTF-8/g)).toHaveLength(6);
});

it('are told when they are named, and left out then, too', async () => {
  // As a program gets an argument that is no UTF-8.
  const argument = odd('.txt').toString('utf8');
  const named = await cli(['push', join(tree, 'a'), argument, '--session', 'run']);
  expect(named).toMatchObject({ code: 1, stderr: expect.stringMatching(/not valid UTF-8.*'caf\?\.txt'/) });
  const left = await cli(['push', join(tree, 'a'), argument, '--session', 'run', '--exclude', 'caf*']);
  expect(left).toMatchObject({ code: 0, stderr: 'artifacta: 1 was left out: 1 excluded\n' });
  const none = await cli(['push', `${argument}\ufffd`, '--session', 'run']);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/it does not exist/) });
});
