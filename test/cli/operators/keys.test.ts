/** Namespaces, API keys and tokens from the command line, against a service that asks for them. */
import { writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startServe } from '../../e2e/serve-process.ts';
import { Home } from '../program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  // Runs after whatever the test itself leaves to its end, such as stopping a service in this directory.
  onTestFinished(() => home[Symbol.asyncDispose]());
  await writeFile(home.at('a.txt'), 'hello');
});

const lines = (text: string) => text.trim().split('\n');

/** A service that asks for credentials, and commands that call it: as its operator, or with a token. */
async function startGuarded() {
  const dataDir = home.at('served');
  const server = startServe(dataDir, ['--auth']);
  const url = `http://${(await server.ready).http}`;
  const operate = (...args: string[]) => home.run([...args, '--data-dir', dataDir]);
  const as = (token: string | undefined, ...args: string[]) =>
    home.run([...args, '--url', url], token === undefined ? {} : { ARTIFACTA_TOKEN: token });
  return { server, operate, as };
}

describe('keys and namespaces', { timeout: 90_000 }, () => {
  it('let agents in, limit them, and end', async () => {
    const { server, operate, as } = await startGuarded();

    const made = await operate('namespace', 'create', 'billing', '--max-bytes', '10KB', '--json');
    expect(JSON.parse(made.stdout)).toMatchObject({
      name: 'billing',
      quota: { size_bytes: 10_000, artifacts: null },
    });
    expect(lines((await operate('namespace', 'ls', '--quiet')).stdout)).toEqual(['billing', 'default']);
    const created = await operate('keys', 'create', '--namespace', 'billing', '--ttl', '1h', '--json');
    const { secret, id, scopes } = JSON.parse(created.stdout) as {
      secret: string;
      id: string;
      scopes: string[];
    };
    expect(scopes).toEqual(['read', 'write']);
    // The secret stands alone on stdout, for `TOKEN=$(artifacta keys create)`.
    expect((await operate('keys', 'create', '--operator')).stdout).toMatch(/^ark_[a-z2-7]{16}_[\w-]{43}\n$/);

    const push = ['push', 'a.txt', '--session', 's', '--name'];
    expect((await as(undefined, ...push, 'a')).code).toBe(5);
    expect((await as(secret, ...push, 'a')).code).toBe(0);
    const minted = await as(
      secret,
      'keys',
      'mint',
      '--scope',
      'write',
      '--session',
      's',
      '--name-prefix',
      'out/',
      '--bytes',
      '8',
    );
    expect(minted.code).toBe(0);
    const token = minted.stdout.trim();
    expect((await as(token, ...push, 'out/a')).code).toBe(0);
    expect((await as(token, ...push, 'out/b')).stderr).toContain('QUOTA_EXCEEDED');
    expect((await as(token, ...push, 'in/a')).stderr).toContain('PERMISSION_DENIED');
    expect((await as(token, 'keys', 'mint', '--scope', 'read')).stderr).toContain('PERMISSION_DENIED');
    const below = ['--session', 's', '--session-prefix', 's.', '--json'];
    const grant = JSON.parse((await as(secret, 'keys', 'mint', '--scope', 'read', ...below)).stdout);
    expect(grant).toMatchObject({ sessions: ['s'], session_prefixes: ['s.'] });
    const unseparated = await as(secret, 'keys', 'mint', '--scope', 'read', '--session-prefix', 's');
    expect(unseparated.stderr).toContain('session_prefixes[0]: must end with "." or ":"');
    const shown = await operate('namespace', 'show', 'billing', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ usage: { size_bytes: 10, artifacts: 2, sessions: 1 } });
    expect((await operate('namespace', 'set', 'billing', '--max-bytes', '10')).code).toBe(0);
    await writeFile(home.at('b.txt'), 'other');
    expect((await as(secret, 'push', 'b.txt', '--session', 's')).stderr).toContain('QUOTA_EXCEEDED');
    expect((await operate('namespace', 'set', 'billing', '--no-quota')).code).toBe(0);
    expect((await as(secret, 'push', 'b.txt', '--session', 's')).code).toBe(0);

    expect((await operate('keys', 'revoke', id)).code).toBe(0);
    for (const ended of [secret, token])
      expect((await as(ended, ...push, 'out/c')).stderr).toContain('UNAUTHENTICATED');
    const listed = await operate('keys', 'ls', '--namespace', 'billing', '--all', '--json');
    expect(lines(listed.stdout).map((line) => JSON.parse(line).id)).toEqual([id]);
    expect((await operate('keys', 'ls', '--namespace', 'billing')).stdout).toBe('');
    const log = JSON.stringify(server.lines);
    for (const hidden of [secret, token]) expect(log).not.toContain(hidden);
  });

  it('tell their holders who they are', async () => {
    const { operate, as } = await startGuarded();
    const whoami = (token: string | undefined, ...args: string[]) => as(token, 'whoami', ...args);
    const { secret, id } = JSON.parse((await operate('keys', 'create', '--json')).stdout);
    expect(JSON.parse((await whoami(secret, '--json')).stdout)).toMatchObject({
      subject: id,
      namespace: 'default',
      scopes: ['read', 'write'],
      operator: false,
      expire_time: null,
    });
    const limited = ['--session', 's', '--name-prefix', 'out/'];
    const token = (await as(secret, 'keys', 'mint', '--scope', 'write', ...limited)).stdout.trim();
    expect((await whoami(token)).stdout).toMatch(
      /^caller: +tok_[0-9a-f]{32}\nnamespace: +default\nmay: +write\nsessions: +s\nnames: +out\/…\nbytes: +no limit\nends: +\d/,
    );
    expect((await whoami(token, '--quiet')).stdout).toMatch(/^tok_[0-9a-f]{32}\n$/);
    expect((await whoami(undefined)).code).toBe(5);
    expect((await operate('whoami')).stdout).toContain('everything, as an operator');
  });

  it.each([
    [['keys', 'create', '--scope', 'admin'], 'read, write and share'],
    [['keys', 'create', '--operator', '--scope', 'read'], 'leave --scope out'],
    [['keys', 'mint', '--scope', 'read', '--bytes', 'many'], '--bytes takes a number of bytes'],
    [['keys', 'mint', '--scope', 'read', '--ttl', '25h'], '--ttl takes at most 24h'],
    [['keys', 'revoke', 'key_x'], 'must be the id of a key'],
    [['keys', 'create', '--namespace', 'nowhere'], 'namespace nowhere does not exist'],
    [['namespace', 'create', 'Billing'], 'lower-case'],
    [['namespace', 'set', 'default'], 'say what to change'],
  ])('%j are refused with the reason', async (args, reason) => {
    const { code, stderr } = await home.run([...args, '--data-dir', home.at('own')]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(reason);
  });
});
