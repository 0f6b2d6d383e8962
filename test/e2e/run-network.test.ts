/** `artifacta run` over the network, with credentials: what the command may do, and runs within runs. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { start } from '../support/command.ts';
import { type RunPlace, runPlace } from './run-rig.ts';
import { launcher, startServe } from './serve-process.ts';

/** A service that asks for credentials, and what makes a caller of it. */
async function networkPlace() {
  const place = await runPlace();
  const server = startServe(place.dataDir, ['--auth']);
  const url = `http://${(await server.ready).http}`;
  const { stdout } = await place.command('keys', 'create', '--quiet');
  const key = stdout.trim();
  const env = (token: string) => ({ ARTIFACTA_URL: url, ARTIFACTA_TOKEN: token });
  const asTo = (token: string, more: Record<string, string>, args: readonly string[]) =>
    start(args, { cwd: place.directory, env: { ...env(token), ...more } }).ended;
  return { ...place, key, as: asTo };
}

/** The names of what a session has of its command. */
async function filesOf(place: RunPlace, session: string): Promise<string[]> {
  return (await place.names(session)).filter((name) => !name.startsWith('.run/'));
}

/** The sizes of the files below a directory, without those of the index. */
async function sizesBelow(directory: string): Promise<number[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
}

it('gives the command a token for its session and those below it', { timeout: 60_000 }, async () => {
  const place = await networkPlace();
  const attempts = ['outer', 'outer.x', 'outer.x.y', 'outer1', 'other'];
  const push = (session: string) =>
    `echo x | "$0" push - --name pushed-to-${session} --session ${session} > /dev/null 2>&1; echo ${session} $?`;
  const script = `test "$ARTIFACTA_TOKEN" != ${place.key} && ${attempts.map(push).join('; ')}`;
  const args = ['run', '--session', 'outer', '--', 'sh', '-c', script, launcher];
  const { code, stdout } = await place.as(place.key, {}, args);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'outer 0\nouter.x 0\nouter.x.y 0\nouter1 5\nother 5\n',
  });
});

it('gives it one for its session alone if no id can be longer', { timeout: 60_000 }, async () => {
  const place = await networkPlace();
  const session = 'x'.repeat(128);
  const push = (id: string) => `echo x | "$0" push - --name a --session ${id} > /dev/null 2>&1; echo $?`;
  const script = `test "$ARTIFACTA_TOKEN" != ${place.key} && ${push(session)}; ${push('other')}`;
  const args = ['run', '--session', session, '--', 'sh', '-c', script, launcher];
  expect(await place.as(place.key, {}, args)).toMatchObject({ code: 0, stdout: '0\n5\n' });
});

it('runs within runs, each in a session of its own', { timeout: 60_000 }, async () => {
  const place = await networkPlace();
  const size = 9 * 1024 * 1024;
  const innermost = 'echo innermost > c.txt; echo said';
  const inner = `head -c ${size} /dev/urandom > b.bin; "$0" run --quiet -- sh -c '${innermost}'`;
  const outer = `echo outer > a.txt; "$0" run --meta step=first -- sh -c "$1" "$0"; "$0" run -- true`;
  const args = ['run', '--session', 'outer', '--', 'sh', '-c', outer, launcher, inner];
  expect((await place.as(place.key, {}, args)).code).toBe(0);
  expect(await filesOf(place, 'outer')).toEqual(['a.txt', 'b.bin', 'c.txt']);
  expect(await filesOf(place, 'outer.1')).toEqual(['b.bin', 'c.txt']);
  expect(await filesOf(place, 'outer.1.1')).toEqual(['c.txt']);
  expect(await filesOf(place, 'outer.2')).toEqual([]);
  const ended = { state: 'sealed', outcome: 'succeeded' };
  expect(await place.session('outer.1')).toMatchObject({
    ...ended,
    metadata: { parent: 'outer', step: 'first' },
  });
  expect(await place.session('outer.1.1')).toMatchObject({ ...ended, metadata: { parent: 'outer.1' } });
  expect(await place.session('outer.2')).toMatchObject({ ...ended, metadata: { parent: 'outer' } });
  expect(await place.content('outer.1.1/.run/stdout')).toBe('said\n');
  // Both sessions have the content, the store has it once.
  expect((await sizesBelow(place.dataDir)).filter((one) => one === size)).toHaveLength(1);
});

it('stores an inner run in the outer session if its token allows no other', { timeout: 60_000 }, async () => {
  const place = await networkPlace();
  const mint = ['keys', 'mint', '--scope', 'read,write', '--session', 'outer', 'other'];
  const token = (await place.as(place.key, {}, [...mint, '--quiet'])).stdout.trim();
  const inner = ['run', '--', 'sh', '-c', 'echo inner > inner.txt; echo said'];
  expect((await place.as(place.key, {}, ['session', 'open', 'outer'])).code).toBe(0);
  const { code, stderr } = await place.as(token, { ARTIFACTA_SESSION: 'outer' }, inner);
  expect(code).toBe(0);
  const prefix = /this run is stored in session outer, with names that begin with (outer\.[^/]+\/)/.exec(
    stderr,
  )?.[1];
  expect(stderr).toContain('these credentials cannot open sessions');
  expect(await place.names('outer')).toEqual(
    ['.run/result.json', '.run/stdout', 'inner.txt'].map((name) => `${prefix}${name}`),
  );
  expect(await place.session('outer')).toMatchObject({ state: 'open' });
  // A command in a run by such a token gets one that is good for the session, and no more.
  const again = 'test -n "$ARTIFACTA_TOKEN" && "$0" run --session other.7 -- true';
  const nested = ['run', '--session', 'other', '--', 'sh', '-c', again, launcher];
  const told = await place.as(token, {}, nested);
  expect(told.code).toBe(0);
  expect(told.stderr).toContain('this run is stored in session other, with names that begin with other.7/');
  expect(await place.session('other')).toMatchObject({ state: 'sealed', outcome: 'succeeded' });
  expect(await place.names('other')).toEqual(['.run/result.json', '.run/stderr', 'other.7/.run/result.json']);
});

it('gives the command the namespace that was named', { timeout: 60_000 }, async () => {
  const place = await runPlace();
  expect((await place.command('namespace', 'create', 'billing')).code).toBe(0);
  const script = 'echo x | "$0" push - --name pushed.txt';
  const args = ['--namespace', 'billing', '--session', 's', '--', 'sh', '-c', script, launcher];
  expect((await place.run(...args).ended).code).toBe(0);
  const listed = await place.command('ls', 's', '--namespace', 'billing', '--json');
  expect(listed.stdout).toContain('"pushed.txt"');
});
