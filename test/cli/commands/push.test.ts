import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/store/open.ts';
import { commandLine, openTestStore, transportTo } from '../support.ts';

const mebibyte = 1024 * 1024;

let store: Store;
let cli: ReturnType<typeof commandLine>;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-cli-'));
  store = await openTestStore();
  cli = commandLine(transportTo(store));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function file(name: string, content: string | Uint8Array = name): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function names(session: string): Promise<string[]> {
  const { json } = await cli(['ls', session, '--json']);
  return json.map(({ name }) => String(name)).sort();
}

describe('pushing a file', () => {
  it('is the command of the first page', async () => {
    const path = await file('output.json', '{"ok":true}');
    const pushed = await cli([
      ...['push', path, '--session', 'run_42', '--meta', 'agent=claude-sonnet', 'pipeline=billing', '--json'],
    ]);
    expect(pushed.code).toBe(0);
    expect(pushed.stderr).toBe('');
    expect(pushed.json).toHaveLength(1);
    expect(pushed.json[0]).toMatchObject({
      id: expect.stringMatching(/^art_/),
      session: 'run_42',
      name: 'output.json',
      version: 1,
      sha256: createHash('sha256').update('{"ok":true}').digest('hex'),
      size_bytes: 11,
      content_type: 'application/json',
      metadata: { agent: 'claude-sonnet', pipeline: 'billing' },
      labels: {},
      expire_time: null,
      deduplicated: false,
      replayed: false,
    });
    expect((await cli(['cat', 'run_42/output.json'])).text).toBe('{"ok":true}');
  });

  it('understands the flags before the file as after it', async () => {
    const path = await file('a.txt');
    const input = (await cli(['push', path, '--session', 'run', '--json'])).json[0]!.id as string;
    const flags = ['--meta', 'a=1', 'b=2', '--label', 'c=3', 'd=4', '--input', input, '--ttl', '7d'];
    const rest = ['--type', 'text/markdown', '--name', 'named.md', '--session', 'run', '--json'];
    for (const argv of [
      [...flags, path, ...rest],
      [path, ...flags, ...rest, '--new-version'],
    ]) {
      const before = Date.now();
      const pushed = await cli(['push', ...argv]);
      expect(pushed.stderr).toBe('');
      expect(pushed.json[0]).toMatchObject({
        name: 'named.md',
        content_type: 'text/markdown',
        metadata: { a: '1', b: '2' },
        labels: { c: '3', d: '4' },
        inputs: [input],
        expiry_source: 'artifact',
      });
      const expires = Date.parse(String(pushed.json[0]!.expire_time));
      expect(Math.abs(expires - before - 7 * 86_400_000)).toBeLessThan(60_000);
    }
    expect((await cli(['show', 'run/named.md', '--json'])).json[0]!.version).toBe(2);
  });

  it('of a type with parameters finds it there already without them', async () => {
    const path = await file('a.json', '{}');
    const push = async (...type: readonly string[]) =>
      (await cli(['push', path, '--session', 'run', '--json', ...type])).json[0];
    const content_type = 'application/json; charset=utf-8';
    expect(await push('--type', content_type)).toMatchObject({ content_type, deduplicated: false });
    for (const type of ['application/json', 'Application/JSON', 'application/octet-stream'])
      expect(await push('--type', type)).toMatchObject({ content_type, version: 1, deduplicated: true });
    expect(await push()).toMatchObject({ content_type, version: 1, deduplicated: true });
  });

  it('says what became of it, to people', async () => {
    const path = await file('a.txt');
    expect((await cli(['push', path, '--session', 'run'])).text).toMatch(
      /^art_\S+ {2}v1 +5 B {2}new +run\/a\.txt\n$/,
    );
    expect((await cli(['push', path, '--session', 'run', '--meta', 'a=1'])).stderr).toContain(
      'with different metadata, which this push did not change',
    );
    expect((await cli(['push', path, '--session', 'run'])).text).toContain('unchanged');
    expect((await cli(['push', path, '--session', 'run', '--quiet'])).text).toMatch(/^art_\S+\n$/);
    await writeFile(path, 'changed');
    expect((await cli(['push', path, '--session', 'run'])).text).toContain('v2');
  });

  it('repeats by request id, and refuses another use of it', async () => {
    const path = await file('a.txt');
    const argv = ['push', path, '--session', 'run', '--request-id', 'r1', '--new-version', '--json'];
    const first = await cli(argv);
    const again = await cli(argv);
    expect(again.json[0]).toMatchObject({ id: first.json[0]!.id, version: 1, replayed: true });
    await writeFile(path, 'other');
    const refused = await cli(argv);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/REQUEST_ID_REUSED[\s\S]*new --request-id/);
  });

  it('makes up a session and says so', async () => {
    const path = await file('a.txt');
    const io = { now: () => new Date(Date.UTC(2026, 1, 3, 4, 5, 6)), random: () => 0 };
    const pushed = await cli(['push', path], { io });
    expect(pushed.stderr).toBe('artifacta: the session is run_20260203-040506_000000\n');
    expect(await names('run_20260203-040506_000000')).toEqual(['a.txt']);
  });

  it('pushes a large file whole', async () => {
    const bytes = randomBytes(5 * mebibyte + 3);
    const path = await file('large.bin', bytes);
    expect((await cli(['push', path, '--session', 'run'])).code).toBe(0);
    const read = await cli(['cat', 'run/large.bin']);
    expect(Buffer.compare(read.stdout, bytes)).toBe(0);
  });
});

describe('pushing standard input', () => {
  it.each([['-'], []])('%j', async (...files) => {
    const argv = ['push', ...files, '--session', 'run', '--name', 'in.txt', '--json'];
    const pushed = await cli(argv, { stdin: 'from a pipe' });
    expect(pushed.json[0]).toMatchObject({ name: 'in.txt', size_bytes: 11 });
    expect((await cli(['cat', 'run/in.txt'])).text).toBe('from a pipe');
  });

  it('takes what is larger than it keeps', async () => {
    const piece = randomBytes(mebibyte);
    const stdin = Readable.from(Array(18).fill(piece), { objectMode: false });
    const pushed = await cli(['push', '-', '--session', 'run', '--name', 'big', '--json'], { stdin });
    const hash = createHash('sha256');
    for (let at = 0; at < 18; at++) hash.update(piece);
    expect(pushed.json[0]).toMatchObject({ size_bytes: 18 * mebibyte, sha256: hash.digest('hex') });
  });

  it.each([
    [['push', '-', '--session', 'run'], /needs a name/, false],
    [['push', '--session', 'run', '--name', 'x'], /name a file/, true],
    [['push', '-', 'file', '--session', 'run'], /alone/, false],
  ])('%j is a mistake', async (argv, message, stdinIsTTY) => {
    const ran = await cli(argv, { stdinIsTTY });
    expect(ran).toMatchObject({ code: 2, text: '', connects: [] });
    expect(ran.stderr).toMatch(message);
  });
});

describe('pushing a directory', () => {
  it('stores what is below it, each under its way from there, in order', async () => {
    const wanted = ['.hidden', 'a.txt', 'deep/er/b.txt', 'deep/z.txt', '漢字/ü.txt'];
    for (const name of wanted) await file(`tree/${name}`);
    const pushed = await cli(['push', join(directory, 'tree'), '--session', 'run', '--json']);
    expect(pushed.code).toBe(0);
    expect(JSON.parse(pushed.stderr)).toEqual({ hidden: { count: 1, first: '.hidden' } });
    expect(pushed.json.map(({ name }) => name)).toEqual(wanted);
    expect((await cli(['cat', 'run/deep/er/b.txt'])).text).toBe('tree/deep/er/b.txt');
    await cli(['push', join(directory, 'tree'), '--session', 'other', '--name', 'out/']);
    expect((await names('other'))[0]).toBe('out/.hidden');
  });

  it('follows a link that is named', async () => {
    await file('tree/a.txt');
    await symlink('tree', join(directory, 'link'));
    expect((await cli(['push', join(directory, 'link'), '--session', 'run'])).code).toBe(0);
    expect(await names('run')).toEqual(['a.txt']);
  });

  it('refuses pipes without waiting for a writer', async () => {
    await file('tree/a.txt');
    expect(spawnSync('mkfifo', [join(directory, 'tree/fifo')]).status).toBe(0);
    const pushed = await cli(['push', join(directory, 'tree'), '--session', 'run']);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toMatch(/fifo: is a pipe/);
    expect(await names('run')).toEqual(['a.txt']);
    const alone = await cli(['push', join(directory, 'tree/fifo'), '--session', 'run']);
    expect(alone).toMatchObject({ code: 1, stderr: expect.stringMatching(/fifo: is a pipe/) });
  });

  it('names what it cannot read and goes on', async (context) => {
    if (process.getuid?.() === 0) {
      // Root reads everything, so that a file that vanishes has to do.
      const [gone, there] = [join(directory, 'gone.txt'), await file('there.txt')];
      const pushed = await cli(['push', gone, there, '--session', 'run']);
      expect(pushed).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/gone\.txt: it does not exist/),
      });
      expect(await names('run')).toEqual(['there.txt']);
      context.annotate('run as root: permissions are not tested');
      return;
    }
    const locked = await file('tree/locked.txt');
    await chmod(locked, 0);
    await file('tree/open.txt');
    const pushed = await cli(['push', join(directory, 'tree'), '--session', 'run']);
    expect(pushed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/locked\.txt.*permission denied/),
    });
    expect(await names('run')).toEqual(['open.txt']);
  });

  it('refuses a name that the service does not take, and goes on', async () => {
    await file('tree/back\\slash');
    await file('tree/fine');
    const pushed = await cli(['push', join(directory, 'tree'), '--session', 'run']);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toMatch(/back\\slash.*backslash/);
    expect(await names('run')).toEqual(['fine']);
  });

  it('stores one name once', async () => {
    await file('one/x.txt', '1');
    await file('two/x.txt', '2');
    const argv = ['push', join(directory, 'one'), join(directory, 'two'), '--session', 'run'];
    const pushed = await cli(argv);
    expect(pushed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/two\/x\.txt: has the same name/),
    });
    expect((await cli(['cat', 'run/x.txt'])).text).toBe('1');
  });

  it('says once what concerns all, and stops', async () => {
    for (let at = 0; at < 30; at++) await file(`tree/${at}`);
    await cli(['session', 'open', 'run']);
    await cli(['session', 'seal', 'run']);
    const pushed = await cli(['push', join(directory, 'tree'), '--session', 'run']);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr.match(/SESSION_SEALED/g)).toHaveLength(1);
    expect(pushed.stderr).toContain('not tried');
  });

  it('is told when it is empty', async () => {
    await mkdir(join(directory, 'empty'));
    const pushed = await cli(['push', join(directory, 'empty'), '--session', 'run']);
    expect(pushed).toMatchObject({ code: 1, stderr: expect.stringMatching(/no files were found to push/) });
  });
});

describe('a push that is written wrongly', () => {
  it.each([
    [['push', 'f', '--ttl', 'soon'], /--ttl/],
    [['push', 'f', '--meta', 'agent'], /KEY=VALUE/],
    [['push', 'f', '--meta', 'a=1', 'a=2'], /twice/],
    [['push', 'f', 'g', '--name', 'x'], /--name/],
    [['push', 'f', 'g', '--request-id', 'x'], /--request-id/],
    [['push', 'f', '--sesion', 'x'], /unknown option.*\n.*--session/],
  ])('%j', async (argv, message) => {
    const ran = await cli(argv);
    expect(ran).toMatchObject({ code: 2, text: '', connects: [] });
    expect(ran.stderr).toMatch(message);
  });

  it('is told which field the service does not take', async () => {
    const ran = await cli(['push', await file('a.txt'), '--session', 'a b']);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/spec\.session/) });
  });
});
