/** The settings of the command line, where they are kept, and tokens in files. */
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startServe } from '../../e2e/serve-process.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { Home } from '../program.ts';

let home: Home;
beforeEach(async () => {
  home = await Home.make();
  // Runs after whatever the test itself leaves to its end, such as stopping a service in this directory.
  onTestFinished(() => home[Symbol.asyncDispose]());
});

interface Shown {
  readonly name: string;
  readonly value: string | null;
  readonly from: string;
}

async function shown(args: readonly string[] = [], variables: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr, code } = await home.run(['config', 'show', '--json', ...args], variables);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const lines = stdout.trimEnd().split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as Shown).map((one) => [one.name, one]));
}

describe('config', { timeout: 60_000 }, () => {
  it('keeps settings, says where each comes from, and forgets them', async () => {
    const path = home.at('.config/artifacta/config.json');
    expect((await home.run(['config', 'path'])).stdout).toBe(`${path}\n`);
    expect((await shown()).get('url')).toEqual({ name: 'url', value: null, from: 'default' });
    for (const [name, value] of [
      ['url', 'grpc://127.0.0.1:1'],
      ['token-file', 'token'],
      ['namespace', 'team-a'],
    ])
      expect(await home.run(['config', 'set', name!, value!])).toMatchObject({
        code: 0,
        stderr: '',
        stdout: '',
      });
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      url: 'grpc://127.0.0.1:1',
      'token-file': home.at('token'),
      namespace: 'team-a',
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(home.at('.config/artifacta'))).toEqual(['config.json']);
    const variables = { ARTIFACTA_NAMESPACE: 'team-b', ARTIFACTA_TOKEN: 'very-secret' };
    const all = await shown(['--url', 'unix:/s'], variables);
    expect(all.get('url')).toMatchObject({ value: 'unix:/s', from: '--url' });
    expect(all.get('namespace')).toMatchObject({ value: 'team-b', from: 'ARTIFACTA_NAMESPACE' });
    expect(all.get('token')).toMatchObject({ value: 'set', from: 'ARTIFACTA_TOKEN' });
    expect(all.get('token-file')).toMatchObject({ value: null, from: `${path}: token-file, overruled` });
    expect((await home.run(['config', 'show'], variables)).stdout).not.toContain('very-secret');
    for (const name of ['url', 'token-file', 'url']) await home.run(['config', 'unset', name]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ namespace: 'team-a' });
  });

  it.each([
    [['set', 'url', 'ftp://x'], /url: must be a grpc:/],
    [['set', 'url', 'http://u:secret@x'], /url: must not contain credentials/],
    [['set', 'namespace', '../x'], /namespace: must be 1 to 63/],
    [['set', 'url', ''], /url: must not be empty/],
    [['set', 'token', 'secret'], /Allowed choices are url, token-file/],
    [['unset', 'tokens'], /Allowed choices/],
    [['show', '--token', 'secret'], /unknown option '--token'/],
  ])('%j is a mistake', async (args, why) => {
    const ran = await home.run(['config', ...args]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(why);
    expect(await readdir(home.directory)).not.toContain('.config');
  });

  it('names the namespace that commands are for, with a server and without one', async () => {
    await home.run(['config', 'set', 'namespace', 'team-a']);
    await home.run(['namespace', 'create', 'team-a']);
    await writeFile(home.at('a.txt'), 'hello');
    expect(await home.run(['push', 'a.txt', '--session', 'run'])).toMatchObject({ code: 0, stderr: '' });
    expect((await home.run(['ls', 'run', '--namespace', 'default'])).code).toBe(3);
    expect((await home.run(['ls', 'run', '--namespace', 'team-a'])).code).toBe(0);
    const key = await home.run(['keys', 'create', '--json']);
    expect(JSON.parse(key.stdout)).toMatchObject({ namespace: 'team-a' });
    const server = startServe(home.at('.local/share/artifacta'));
    await server.ready;
    expect((await home.run(['ls', 'run'])).code).toBe(0);
    expect((await home.run(['ls', 'run'], { ARTIFACTA_NAMESPACE: 'default' })).code).toBe(3);
  });

  it('that cannot be read is named, and is not written over', async () => {
    await home.run(['config', 'set', 'namespace', 'a']);
    const path = home.at('.config/artifacta/config.json');
    await writeFile(path, 'oops');
    for (const args of [['ls'], ['config', 'show'], ['config', 'set', 'url', 'grpc://h']]) {
      const ran = await home.run(args);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain(`${path}: must be JSON`);
    }
    expect(await readFile(path, 'utf8')).toBe('oops');
  });

  it('is what commands go by', async () => {
    const server = startServe(home.at('served'));
    const { grpc, http } = await server.ready;
    await writeFile(home.at('a.txt'), 'hello');
    for (const url of [`grpc://${grpc}`, `http://${http}`, `unix:${home.at('served/run/sock')}`]) {
      expect(await home.run(['config', 'set', 'url', url])).toMatchObject({ code: 0, stderr: '' });
      expect(await home.run(['push', 'a.txt', '--session', 'run'])).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await home.run(['ls', 'run', '--quiet'])).stdout.trimEnd().split('\n')).toHaveLength(1);
    const refused = await home.run(['ls', '--url', `http://${http}/prefix`]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: 'artifacta: --url: must not contain a path; the services are at the root\n',
    });
    expect(await home.run(['ls', 'run', '--data-dir', home.at('mine')])).toMatchObject({ code: 3 });
  });
});

describe('a URL over TLS', { timeout: 60_000 }, () => {
  it.skipIf(!hasOpenssl())('is what commands go by, and shows where its authority comes from', async () => {
    const authority = new Authority(home.directory);
    const { cert, key } = authority.issue('server');
    const server = startServe(home.at('served'), ['--tls-cert', cert, '--tls-key', key]);
    const { grpc, http } = await server.ready;
    const trusting = { ARTIFACTA_TLS_CA: authority.cert };
    expect((await shown([], trusting)).get('tls-ca')).toMatchObject({
      value: authority.cert,
      from: 'ARTIFACTA_TLS_CA',
    });
    await writeFile(home.at('a.txt'), 'hello');
    for (const url of [`grpcs://${grpc}`, `https://${http}`]) {
      const push = ['push', 'a.txt', '--session', 'run', '--url', url];
      expect(await home.run(push, trusting)).toMatchObject({ code: 0, stderr: '' });
      const distrusted = await home.run(push);
      expect(distrusted.code).toBe(1);
      expect(distrusted.stderr).toContain('Set ARTIFACTA_TLS_CA to the file');
    }
  });
});

describe('a token file', { timeout: 60_000 }, () => {
  it('is read whenever a command connects, and is good for what its token is', async () => {
    const server = startServe(home.at('served'), ['--auth']);
    const url = `grpc://${(await server.ready).grpc}`;
    const socket = `unix:${home.at('served/run/sock')}`;
    const token = home.at('token');
    const create = ['keys', 'create', '--url', socket, '--quiet'];
    await writeFile(token, `\n ${(await home.run(create)).stdout}\n`, { mode: 0o600 });
    await writeFile(home.at('a.txt'), 'hello');
    const push = ['push', 'a.txt', '--session', 'run', '--url', url];
    expect((await home.run(push)).code).toBe(5);
    expect(await home.run([...push, '--token-file', token])).toMatchObject({ code: 0, stderr: '' });
    const variables = { ARTIFACTA_TOKEN_FILE: token };
    expect(await home.run(push, variables)).toMatchObject({ code: 0, stderr: '' });
    await home.run(['config', 'set', 'token-file', 'token']);
    expect(await home.run(push)).toMatchObject({ code: 0, stderr: '' });
    await writeFile(token, 'ark_aaaaaaaaaaaaaaaa_other');
    const refused = await home.run(push);
    expect(refused.code).toBe(5);
    expect(refused.stderr).not.toContain('aaaa');
  });

  it('that everybody can read is warned of', async () => {
    await writeFile(home.at('token'), 'x');
    await chmod(home.at('token'), 0o644);
    // Each try to connect reads the file, and it is the process that says a thing once.
    const ran = await home.runProcess(['ls', '--token-file', 'token', '--url', `unix:${home.at('none')}`]);
    expect(ran.stderr.match(/all users can read the token file/g)).toHaveLength(1);
    expect(ran.code).toBe(4);
  });

  it.each<[string, string, number, RegExp]>([
    ['others can write', 'x', 0o622, /must not be writable by other users/],
    ['is empty', ' \n', 0o600, /is empty/],
    ['holds two words', 'very secret', 0o600, /must contain one token/],
    ['is endless', 'secret'.repeat(10_000), 0o600, /must have at most 16384 bytes/],
  ])('that %s is refused', async (_what, text, mode, why) => {
    await writeFile(home.at('token'), text);
    await chmod(home.at('token'), mode);
    const ran = await home.run(['ls', '--token-file', 'token', '--url', `unix:${home.at('none')}`]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(why);
    expect(ran.stderr).not.toContain('secret');
  });

  it('that is not there is named', async () => {
    const ran = await home.run(['ls', '--token-file', 'none', '--url', `unix:${home.at('none')}`]);
    expect(ran).toMatchObject({
      code: 2,
      stderr: `artifacta: the token file ${home.at('none')} does not exist\n`,
    });
  });
});
