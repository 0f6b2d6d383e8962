import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPullRig, type PullRig, sha256, tree } from './pull-rig.ts';

const mebibyte = 1024 * 1024;

let rig: PullRig;
let { directory, target, client, cli, push, pull } = {} as PullRig;

beforeEach(async () => {
  rig = await openPullRig();
  ({ directory, target, client, cli, push, pull } = rig);
});

afterEach(() => rig[Symbol.asyncDispose]());

describe('pulling a session', () => {
  it('gives back a tree as it was, byte for byte', async () => {
    const source = join(directory, 'source');
    const contents: Record<string, string | Uint8Array> = {
      empty: '',
      'one byte': 'x',
      '.hidden/deep/er/ name with  spaces ': 'spaces',
      '漢字/ü/😀.txt': 'unicode',
      '-rf': 'dash',
      '$(echo) `x` "q" \'s\' *?': 'shell',
      'a:b~#%.CON': 'odd',
      'large.bin': randomBytes(2 * mebibyte + 3),
      'larger.bin': randomBytes(9 * mebibyte),
      [`${'n'.repeat(255)}/${'m'.repeat(255)}`]: 'long',
    };
    for (const [name, content] of Object.entries(contents)) {
      await mkdir(join(source, name, '..'), { recursive: true });
      await writeFile(join(source, name), content);
    }
    expect(await cli(['push', source, '--session', 'run'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^artifacta: 1 hidden file was stored: \.hidden.*\n$/),
    });
    expect(await pull()).toMatchObject({ code: 0, stderr: '', text: '10 files, 11.0 MiB\n' });
    expect(await tree(target)).toEqual(await tree(source));
    expect(Object.keys(await tree(target))).toHaveLength(10);
    const again = await cli(['push', target, '--session', 'run', '--json']);
    expect(again.json.every(({ deduplicated }) => deduplicated)).toBe(true);
  });

  it('takes the latest version of each, and tells scripts about every file', async () => {
    await push({ a: 'old', 'b/c': 'bee' });
    await push({ a: 'new' });
    const { code, json, stderr } = await pull('--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(json).toEqual([
      {
        name: 'b/c',
        path: join(target, 'b/c'),
        version: 1,
        sha256: sha256('bee'),
        size_bytes: 3,
        status: 'new',
      },
      expect.objectContaining({ name: 'a', version: 2, size_bytes: 3, status: 'new' }),
    ]);
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('new');
    const ids = (await pull('--quiet')).text.trimEnd().split('\n');
    expect(ids).toEqual((await cli(['ls', 'run', '--quiet'])).text.trimEnd().split('\n').reverse());
  });

  it('can be run again, and goes on where it ended', async () => {
    await push({ a: 'a', 'b/c': randomBytes(mebibyte), d: 'd' });
    await pull();
    await rm(join(target, 'd'));
    const before = await stat(join(target, 'b/c'));
    const again = await pull('--json');
    expect(again.json.map(({ name, status }) => [name, status])).toEqual([
      ['a', 'unchanged'],
      ['b/c', 'unchanged'],
      ['d', 'new'],
    ]);
    expect((await stat(join(target, 'b/c'))).ino).toBe(before.ino);
    expect((await pull()).text).toBe('3 files, 1.0 MiB, 3 unchanged\n');
  });

  it('leaves other files alone unless it is forced', async () => {
    await push({ a: 'mine', b: 'fine' });
    await mkdir(target);
    await writeFile(join(target, 'a'), 'your');
    await writeFile(join(target, 'unrelated'), 'stays');
    const refused = await pull('--json');
    expect(refused.code).toBe(1);
    expect(refused.json.map(({ status }) => status)).toEqual(['failed', 'new']);
    expect(refused.stderr).toMatch(/target\/a exists already with other bytes; --force/);
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('your');
    const forced = await pull('--force', '--json');
    expect(forced.code).toBe(0);
    expect(forced.json.map(({ status }) => status)).toEqual(['replaced', 'unchanged']);
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('mine');
    expect(await readFile(join(target, 'unrelated'), 'utf8')).toBe('stays');
  });

  it('refuses the second of two names that cannot both be, and goes on', async () => {
    await push({ a: 'file', 'a/b': 'below', 'x/y': 'below', x: 'file', z: 'fine' });
    const { code, stderr, text } = await pull();
    expect(code).toBe(1);
    expect(stderr).toMatch(/a\/b cannot be written, because a is a file/);
    expect(stderr).toMatch(/x cannot be written as a file, because x\/y needs/);
    expect(text).toBe('3 files, 13 B\n');
    expect(Object.keys(await tree(target))).toEqual(['a', 'x/y', 'z']);
  });

  it('writes nothing through links that were planted, also if it is forced', async () => {
    const outside = join(directory, 'outside');
    await mkdir(outside);
    await mkdir(target);
    await writeFile(join(outside, 'victim'), 'untouched');
    await symlink('../outside', join(target, 'dir'));
    await symlink('../outside/victim', join(target, 'file'));
    await push({ 'dir/evil': 'evil', file: 'evil', fine: 'fine' });
    for (const flags of [[], ['--force']]) {
      const { code, stderr } = await pull(...flags);
      expect(code).toBe(1);
      expect(stderr).toMatch(/target\/dir is a symbolic link/);
      expect(stderr).toMatch(/target\/file is a symbolic link/);
    }
    expect(await tree(outside)).toEqual({ victim: sha256('untouched') });
    expect(await readFile(join(target, 'fine'), 'utf8')).toBe('fine');
  });

  it('goes to a directory of its name by default', async () => {
    await push({ a: 'a' });
    const before = process.cwd();
    process.chdir(directory);
    try {
      expect(await cli(['pull', 'run'])).toMatchObject({ code: 0 });
      expect(await cli(['pull', 'run/a', '--json'])).toMatchObject({ json: [{ path: 'a', status: 'new' }] });
    } finally {
      process.chdir(before);
    }
    expect(Object.keys(await tree(directory))).toEqual(['a', 'run/a']);
  });

  it('needs somewhere to go', async () => {
    await push({ a: 'a' });
    const missing = await cli(['pull', 'run', '--to', join(directory, 'missing', 'deep')]);
    expect(missing).toMatchObject({
      code: 1,
      text: '',
      stderr: expect.stringMatching(/the directory .*missing does not exist/),
    });
    await writeFile(target, 'a file');
    expect(await pull()).toMatchObject({ code: 1, stderr: expect.stringMatching(/not a directory/) });
  });

  it('says which files it may not write', async (context) => {
    await push({ 'locked/a': 'a', 'open/b': 'b' });
    await mkdir(join(target, 'locked'), { recursive: true });
    await mkdir(join(target, 'open'));
    for (const path of [directory, target, join(target, 'open')]) await chmod(path, 0o777);
    await chmod(join(target, 'locked'), 0o555);
    const root = process.geteuid?.() === 0;
    if (root && process.seteuid === undefined) {
      context.skip('runs as root and cannot become anybody else');
      return;
    }
    if (root) process.seteuid!(65_534);
    let ran: Awaited<ReturnType<typeof pull>>;
    try {
      ran = await pull();
    } finally {
      if (root) process.seteuid!(0);
    }
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/locked\/a cannot be written: permission denied/);
    expect(await tree(target)).toEqual({ 'open/b': sha256('b') });
  });

  it.each([
    [['pull', 'nobody'], 3, /SESSION_NOT_FOUND/],
    [['pull', '..'], 2, /session/],
    [['pull', 'run', '--to', '-'], 2, /directory/],
    [['pull', 'run', '--to', ''], 2, /--to/],
    [['pull', 'run', '--version', '1'], 2, /--version/],
    [['pull', 'run/missing'], 3, /ARTIFACT_NOT_FOUND/],
    [['pull', 'run/a', '--to', '-', '--json'], 2, /bytes/],
    [['pull'], 2, /ref/],
  ])('%j', async (argv, code, message) => {
    await push({ a: 'a' });
    const before = await readdir('.');
    expect(await cli(argv)).toMatchObject({ code, stderr: expect.stringMatching(message), text: '' });
    expect(await readdir('.')).toEqual(before);
  });
});

describe('pulling one artifact', () => {
  it('writes a file, into a directory if that is what is named, or standard output', async () => {
    const bytes = randomBytes(3 * mebibyte);
    await push({ 'deep/a.bin': bytes });
    await push({ 'deep/a.bin': 'two' });
    const file = join(directory, 'file');
    const one = await cli(['pull', 'run/deep/a.bin', '--version', '1', '--to', file]);
    expect(one).toMatchObject({ code: 0, stderr: '', text: '1 file, 3.0 MiB\n' });
    expect(Buffer.compare(await readFile(file), bytes)).toBe(0);
    await mkdir(target);
    await cli(['pull', 'run/deep/a.bin', '--to', target]);
    expect(await readFile(join(target, 'a.bin'), 'utf8')).toBe('two');
    expect((await cli(['pull', 'run/deep/a.bin', '--to', '-'])).text).toBe('two');
    const id = (await client.get({ session: 'run', name: 'deep/a.bin' })).id;
    expect((await cli(['pull', id, '--to', file, '--json'])).code).toBe(1);
    expect((await cli(['pull', id, '--to', file, '--force', '--json'])).json).toMatchObject([
      { status: 'replaced', version: 2, path: file },
    ]);
    expect((await cli(['pull', id, '--to', file, '--json'])).json).toMatchObject([{ status: 'unchanged' }]);
    expect(Object.keys(await tree(directory))).toEqual(['file', 'target/a.bin']);
  });

  it('makes no directories, and follows no link', async () => {
    await push({ a: 'a' });
    const deep = await cli(['pull', 'run/a', '--to', join(target, 'deep')]);
    expect(deep).toMatchObject({ code: 1, stderr: expect.stringMatching(/the directory .* does not exist/) });
    await symlink('elsewhere', join(directory, 'link'));
    const link = await cli(['pull', 'run/a', '--to', join(directory, 'link')]);
    expect(link).toMatchObject({ code: 1, stderr: expect.stringMatching(/symbolic link/) });
    expect(await cli(['pull', 'run/a', '--to', '/dev/null'])).toMatchObject({ code: 1 });
  });
});

it('a file is compared by its bytes, not by its time', async () => {
  await push({ a: 'same' });
  await mkdir(target);
  await writeFile(join(target, 'a'), 'emas');
  await utimes(join(target, 'a'), new Date(), new Date());
  expect((await pull()).code).toBe(1);
});
