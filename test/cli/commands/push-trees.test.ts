/** What of a tree is pushed and what is left out, and that nothing is left out in silence. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OwnDirectory } from '../../../src/programs/own-directory.ts';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

let store: Store;
let cli: ReturnType<typeof commandLine>;
let directory: string;
let tree: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'artifacta-trees-')));
  tree = join(directory, 'tree');
  await mkdir(tree);
  store = await openTestStore();
  cli = commandLine(transportTo(store));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** @param names below the temporary directory; each file has its name as its content, unless one is given. */
async function files(...names: (string | readonly [name: string, content: string])[]): Promise<void> {
  for (const one of names) {
    const [name, content] = typeof one === 'string' ? [one, one] : one;
    const path = join(directory, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
  }
}

async function links(all: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, target] of Object.entries(all)) await symlink(target, join(directory, name));
}

/** Pushes the tree; the names that the session has afterwards. */
async function push(...flags: string[]) {
  const ran = await cli(['push', tree, '--session', 'run', ...flags]);
  const listed = await cli(['ls', 'run', '--json']);
  const names = listed.code === 0 ? listed.json.map(({ name }) => String(name)).sort() : [];
  return { code: ran.code, text: ran.text, stderr: ran.stderr, names };
}

/** The objects on standard error. */
function objects(stderr: string): Record<string, unknown>[] {
  return stderr
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('symbolic links in a tree', () => {
  beforeEach(async () => {
    await files(['secret', 'outside'], ['tree/real.txt', 'inside'], 'tree/sub/x.txt', 'other/y.txt');
    await links({ 'tree/in': 'real.txt', 'tree/out': '../secret', 'tree/dangling': 'nowhere' });
  });

  it('are followed to files inside; others to files are left out, told and counted', async () => {
    const { code, stderr, names } = await push();
    expect({ code, names }).toEqual({ code: 0, names: ['in', 'real.txt', 'sub/x.txt'] });
    expect(stderr).toBe(
      `artifacta: ${tree}/dangling was skipped: it is a symbolic link to a missing target\n` +
        `artifacta: ${tree}/out was skipped: it is a symbolic link to a target outside the directory\n` +
        'artifacta: 2 were left out: 1 symbolic link to a missing target, 1 symbolic link to a target outside the directory\n',
    );
    expect((await cli(['cat', 'run/in'])).text).toBe('inside');
  });

  it('that are left out are told with --quiet too, and as an object with --json', async () => {
    const quiet = await push('--quiet');
    expect(quiet).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^artifacta: 2 were left out: .*\n$/),
    });
    expect(quiet.text).toMatch(/^(art_\S+\n){3}$/);
    const told = { left_out: { count: 2, reasons: { link_broken: 1, link_outside: 1 } } };
    expect(objects((await push('--json')).stderr).at(-1)).toEqual(told);
    expect(objects((await push('--json', '--quiet')).stderr)).toEqual([told]);
  });

  it.each([
    ['inside', 'sub'],
    ['outside', '../other'],
    ['above it', '.'],
  ])('to a directory %s are failures, and all else is stored', async (_where, target) => {
    await links({ 'tree/linked': target });
    const { code, stderr, names } = await push('--quiet');
    expect({ code, names }).toEqual({ code: 1, names: ['in', 'real.txt', 'sub/x.txt'] });
    expect(stderr).toMatch(/tree\/linked: is a symbolic link to a directory: --links follow .*--links skip /);
  });

  it('are all left out with --links skip', async () => {
    await links({ 'tree/linked': 'sub' });
    const { code, stderr, names } = await push('--links', 'skip', '--quiet');
    expect({ code, names }).toEqual({ code: 0, names: ['real.txt', 'sub/x.txt'] });
    expect(stderr).toBe('artifacta: 4 were left out: 4 symbolic links\n');
  });

  it('are all followed with --links follow; one that leads nowhere cannot be', async () => {
    await links({ 'tree/linked': 'sub', 'tree/far': '../other' });
    const { code, stderr, names } = await push('--links', 'follow', '--quiet');
    expect(code).toBe(1);
    expect(stderr).toBe(`artifacta: ${tree}/dangling: is a symbolic link to a missing target\n`);
    expect(names).toEqual(['far/y.txt', 'in', 'linked/x.txt', 'out', 'real.txt', 'sub/x.txt']);
    expect((await cli(['cat', 'run/out'])).text).toBe('outside');
  });

  it('that lead in circles end, whichever way', async () => {
    await rm(join(tree, 'dangling'));
    await links({ 'tree/self': '.', 'tree/up': '..', 'tree/sub/back': '../sub', 'other/to': '../tree' });
    const { code, stderr, names } = await push('--links', 'follow');
    expect(code).toBe(0);
    expect(stderr).toMatch(/tree\/self was skipped: it leads back to a parent directory/);
    expect(stderr).toMatch(/\d+ were left out: \d+ symbolic links to parent directories\n$/);
    expect(names).toEqual(expect.arrayContaining(['real.txt', 'sub/x.txt', 'up/other/y.txt', 'up/secret']));
    expect(names.length).toBeLessThan(20);
  });

  it('are refused where they lead into the data directory, whatever they are called', async () => {
    await files('data/blobs/x', 'data/index/LOCK', 'tree/a');
    await links({ 'tree/store': '../data', 'tree/deep': '../data/blobs', 'tree/lock': '../data/index/LOCK' });
    await links({ 'tree/all': '..' });
    await rm(join(tree, 'dangling'));
    const own = new OwnDirectory(join(directory, 'data'));
    const connection = { transport: transportTo(store), description: 'it', close: async () => {} };
    const io = { connect: async () => ({ ...connection, ownDirectory: own }) };
    const pushed = await cli(['push', tree, '--session', 'run', '--links', 'follow'], { io });
    expect(pushed.code).toBe(1);
    for (const name of ['store', 'deep', 'lock'])
      expect(pushed.stderr).toMatch(new RegExp(`tree/${name}: must not be in the data directory`));
    expect(pushed.stderr).toMatch(/data was skipped: it is the data directory/);
    const names = (await cli(['ls', 'run', '--json'])).json.map(({ name }) => String(name));
    expect(names.filter((name) => name.includes('data') || name.includes('lock'))).toEqual([]);
    expect(names).toContain('all/other/y.txt');
    // By default they are left out.
    const left = await cli(['push', tree, '--session', 'run', '--exclude', 'all'], { io });
    expect(left).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/3 that belong to the data directory/),
    });
  });

  it('take no other words', async () => {
    const { code, stderr } = await push('--links', 'all');
    expect(code).toBe(2);
    expect(stderr).toMatch(/skip, follow/);
  });
});

describe('what is excluded', () => {
  it.each<[string[], string[]]>([
    [['*.log'], ['keep.txt', 'sub/build/y', 'sub/keep.log.txt', 'build/x']],
    [
      ['*.log', '!keep.log'],
      ['keep.txt', 'sub/build/y', 'sub/keep.log', 'sub/keep.log.txt', 'build/x'],
    ],
    [['/build'], ['a.log', 'keep.txt', 'sub/build/y', 'sub/keep.log', 'sub/keep.log.txt']],
    [['./build'], ['a.log', 'keep.txt', 'sub/build/y', 'sub/keep.log', 'sub/keep.log.txt']],
    [['build/'], ['a.log', 'keep.txt', 'sub/keep.log', 'sub/keep.log.txt']],
    [['sub/*.log'], ['a.log', 'build/x', 'keep.txt', 'sub/build/y', 'sub/keep.log.txt']],
    [
      ['**/y', 'KEEP.TXT'],
      ['a.log', 'build/x', 'keep.txt', 'sub/keep.log', 'sub/keep.log.txt'],
    ],
  ])('by %j', async (patterns, kept) => {
    await files('tree/a.log', 'tree/keep.txt', 'tree/build/x', 'tree/sub/build/y', 'tree/sub/keep.log');
    await files('tree/sub/keep.log.txt');
    const { code, names, stderr } = await push(...patterns.flatMap((one) => ['--exclude', one]));
    expect({ code, names }).toEqual({ code: 0, names: kept.toSorted() });
    expect(stderr).toMatch(/left out: \d+ excluded\n$/);
  });

  it('by ignore files, of which the deeper one is stronger and the command line the strongest', async () => {
    await files(
      ['tree/.artifactaignore', '# what is made\n\n*.o\r\n/out\n/sub/*\n!/sub/keep\n'],
      ['tree/src/.artifactaignore', '!main.o\n/here\nde/ep\n'],
      ...['a.o', 'out/x', 'sub/gone', 'sub/keep/y', 'sub/keep/z.o', 'here', 'de/ep/a'].map(
        (n) => `tree/${n}`,
      ),
      ...['main.o', 'b.o', 'here', 'in/here', 'in/main.o', 'de/ep/a', 'in/de/ep/a'].map(
        (n) => `tree/src/${n}`,
      ),
    );
    const wanted = [
      'de/ep/a',
      'here',
      'src/in/de/ep/a',
      'src/in/here',
      'src/in/main.o',
      'src/main.o',
      'sub/keep/y',
    ];
    expect((await push()).names).toEqual(wanted);
    const { names } = await push('--exclude', 'main.o', '--exclude', '!b.o', '--new-version', '--json');
    expect(names).toContain('src/b.o');
    const { json } = await cli(['ls', 'run', '--json', '--all-versions']);
    expect(json.filter(({ name }) => name === 'src/main.o')).toHaveLength(1);
  });

  it.skipIf(spawnSync('git', ['--version']).status !== 0)(
    'agrees with git, in directories with odd names',
    async () => {
      await files(
        ['tree/.artifactaignore', '*.tmp\n!/x*\\[/keep.tmp\n'],
        ['tree/a[b]/.artifactaignore', '/one\ntwo\n!three.tmp\nd/\n'],
        ['tree/ #!?/.artifactaignore', 'one\n/d/*\n!/d/e/\n'],
        ...['a[b]', ' #!?', 'ab', 'x*['].flatMap((at) =>
          ['one', 'two', 'three.tmp', 'keep.tmp', 'd/e/one', 'd/f', 'q/one', 'q/d'].map(
            (n) => `tree/${at}/${n}`,
          ),
        ),
      );
      const git = (...args: string[]) => spawnSync('git', ['-C', tree, ...args], { encoding: 'utf8' });
      expect(git('init', '--quiet').status).toBe(0);
      const config = ['-c', 'core.quotePath=false', '-c', 'core.ignoreCase=false'];
      const untracked = git(
        ...config,
        'ls-files',
        '-z',
        '--others',
        '--exclude-per-directory=.artifactaignore',
      );
      await rm(join(tree, '.git'), { recursive: true });
      const wanted = untracked.stdout
        .split('\0')
        .filter((name) => name && !name.endsWith('.artifactaignore'));
      expect(wanted.length).toBeGreaterThan(10);
      expect((await push()).names).toEqual(wanted.sort());
    },
  );

  it('is counted: a directory once with all that is in it, and the ignore file', async () => {
    await files(['tree/.artifactaignore', 'big/\n'], 'tree/big/1', 'tree/big/2', 'tree/a');
    const { stderr, names } = await push('--quiet', '--exclude', '*.none');
    expect({ stderr, names }).toEqual({ stderr: 'artifacta: 2 were left out: 2 excluded\n', names: ['a'] });
  });

  it('holds for files that are named, not for directories; a pattern that matches nothing is told', async () => {
    await files('tree/a', 'tree/b');
    const [a, b] = [join(tree, 'a'), join(tree, 'b')];
    const ran = await cli(['push', a, b, '--session', 'run', '--exclude', 'b']);
    expect(ran.stderr).toBe('artifacta: 1 was left out: 1 excluded\n');
    const { stderr, names } = await push('--exclude', 'tree', '--exclude', '#b');
    expect(names).toEqual(['a', 'b']);
    expect(stderr).toBe(
      'artifacta: --exclude tree: nothing matched it\nartifacta: --exclude #b: nothing matched it\n',
    );
  });

  it('is no link either, so that none has to be followed', async () => {
    await files('tree/a', 'other/y');
    await links({ 'tree/one': '../other', 'tree/two': '../other' });
    const { code, names } = await push('--exclude', 'one', '--exclude', 'two/');
    expect({ code, names }).toEqual({ code: 0, names: ['a'] });
  });

  it('leaves nothing: that is said', async () => {
    await files('tree/a');
    const { code, stderr } = await push('--exclude', '*');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^artifacta: 1 was left out: 1 excluded\nartifacta: no files were found to push: .*\n$/,
      ),
    });
  });

  it('is not guessed: what an ignore file that cannot be read would keep back is not pushed', async () => {
    await files('tree/a', 'tree/one/secret', 'tree/two/secret', ['tree/two/.artifactaignore', 'sec\u00e9']);
    await writeFile(join(tree, 'two/.artifactaignore'), Buffer.from('sec\u00e9', 'latin1'));
    await links({ 'tree/one/.artifactaignore': '../a' });
    const { code, stderr, names } = await push();
    expect({ code, names }).toEqual({ code: 1, names: ['a'] });
    expect(stderr).toMatch(/one\/\.artifactaignore: it is a symbolic link/);
    expect(stderr).toMatch(/two\/\.artifactaignore: must be UTF-8/);
  });

  it.each([
    [['push', '-', '--name', 'x', '--exclude', 'a'], /--exclude needs files/],
    [['push', '-', '--name', 'x', '--links', 'skip'], /--links needs files/],
    [['push', '--from-command', '--name', 'x', '--links', 'skip', '--', 'true'], /--links needs files/],
    [['push', 'f', '--exclude', ''], /--exclude must not be empty/],
  ])('%j is a mistake', async (argv, message) => {
    expect(await cli(argv)).toMatchObject({ code: 2, stderr: expect.stringMatching(message), connects: [] });
  });
});

describe('hidden files', () => {
  it('are mentioned when they are stored, unless they were named', async () => {
    await files('tree/.env', 'tree/.git/config', 'tree/a', 'tree/b/.c/d');
    const { stderr, names } = await push();
    expect(names).toEqual(['.env', '.git/config', 'a', 'b/.c/d']);
    expect(stderr).toBe(
      'artifacta: 3 hidden files were stored, the first is .env; --exclude ".*" leaves them out\n',
    );
    expect((await push('--quiet')).stderr).toBe('');
    const clean = await cli(['push', tree, '--session', 'clean', '--exclude', '.*']);
    expect(clean).toMatchObject({ code: 0, stderr: 'artifacta: 3 were left out: 3 excluded\n' });
    const named = [join(tree, '.env'), join(tree, '.git')];
    expect(await cli(['push', ...named, '--session', 'named'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the same file twice', () => {
  it('is one push, however it is spelled', async () => {
    await files('tree/a', 'tree/sub/b');
    await links({ again: 'tree' });
    const ways = [tree, `${tree}/`, join(directory, 'again'), join(tree, 'a'), join(tree, '.', 'a')];
    const ran = await cli(['push', ...ways, '--session', 'run', '--json']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.json.map(({ name }) => name)).toEqual(['a', 'sub/b']);
    const one = [join(tree, 'a'), `${tree}/./a`];
    expect(await cli(['push', ...one, '--session', 'one', '--name', 'x', '--request-id', 'r'])).toMatchObject(
      {
        code: 0,
        stderr: '',
      },
    );
    expect(await cli(['push', ...one.map((path) => `${path}no`), '--session', 'one'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^artifacta: \S+ano: it does not exist\n$/),
    });
  });

  it('under two names is two, and another file of the same name is refused', async () => {
    await files('tree/a', 'other/a');
    await link(join(tree, 'a'), join(tree, 'b'));
    const two = await cli(['push', join(tree, 'a'), join(tree, 'b'), '--session', 'run', '--json']);
    expect(two.json.map(({ name }) => name)).toEqual(['a', 'b']);
    const clash = await cli(['push', join(tree, 'a'), join(directory, 'other/a'), '--session', 'run']);
    expect(clash).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/other\/a: has the same name, a, as/),
    });
  });
});

describe('a file that grows while it is pushed', () => {
  /** Before each call something is appended to the file. */
  function growing(path: string) {
    const transport = transportTo(store);
    return commandLine({
      unary: async (...call) => {
        await appendFile(path, 'more');
        return transport.unary(...call);
      },
      stream: async (...call) => {
        await appendFile(path, 'more');
        return transport.stream(...call);
      },
    });
  }

  it.each([
    ['sent at once', 300_000],
    ['hashed first', 9_000_000],
  ])('is refused, and --snapshot stores what it had at the start: %s', async (_how, bytes) => {
    const path = join(tree, 'log');
    await writeFile(path, randomBytes(bytes));
    const refused = await growing(path)(['push', path, '--session', 'run']);
    expect(refused).toMatchObject({ code: 1, text: '' });
    expect(refused.stderr).toMatch(/log: changed while it was pushed: it had \d+ bytes.*\n.*push --snapshot/);
    const before = await readFile(path);
    const pushed = await growing(path)(['push', path, '--session', 'run', '--snapshot']);
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.compare((await cli(['cat', 'run/log'])).stdout, before)).toBe(0);
  });

  it.each([
    ['push', '-', '--name', 'x', '--snapshot'],
    ['push', '--from-command', '--name', 'x', '--snapshot', '--', 'true'],
  ])('%s %s needs files', async (...argv) => {
    expect(await cli(argv)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--snapshot needs files/),
    });
  });
});
