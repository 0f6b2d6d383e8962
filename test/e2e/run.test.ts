/** `artifacta run` around real programs: what they left, and how they ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { start } from '../support/command.ts';
import { type RunPlace, runPlace } from './run-rig.ts';
import { startServe } from './serve-process.ts';

async function resultOf(place: RunPlace, session: string) {
  return JSON.parse(await place.content(`${session}/.run/result.json`));
}

it('stores what appeared and changed, the output, and how it ended', { timeout: 30_000 }, async () => {
  const place = await runPlace({ 'old.txt': 'old', 'same.txt': 'same', 'over.txt': 'one', 'moved.txt': 'm' });
  const script =
    'echo to-out; echo to-err >&2; echo more >> old.txt; mkdir d; mv moved.txt d/; printf two > x; mv x over.txt; exit 3';
  const ended = await place.run('--session', 's', '--meta', 'agent=billing', '--', 'sh', '-c', script).ended;
  expect(ended).toMatchObject({ code: 3, stdout: 'to-out\n' });
  expect(ended.stderr).toContain('to-err\n');
  expect(await place.names('s')).toEqual([
    '.run/result.json',
    '.run/stderr',
    '.run/stdout',
    'd/moved.txt',
    'old.txt',
    'over.txt',
  ]);
  expect(await place.content('s/over.txt')).toBe('two');
  expect(await place.content('s/.run/stdout')).toBe('to-out\n');
  expect(await place.content('s/.run/stderr')).toBe('to-err\n');
  expect(await resultOf(place, 's')).toMatchObject({ exitCode: 3, signal: null, filesCaptured: 3 });
  expect(await place.session('s')).toMatchObject({
    state: 'sealed',
    outcome: 'failed',
    metadata: { agent: 'billing', command: expect.stringContaining('sh -c') },
    labels: { exit_code: '3' },
  });
});

it('tells of a program that a signal ended as a shell does', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const script = 'import os, signal; print("x" * 100000, flush=True); os.kill(os.getpid(), signal.SIGKILL)';
  const ended = await place.run('--session', 's', '--', 'python3', '-c', script).ended;
  expect(ended.code).toBe(137);
  expect(await place.content('s/.run/stdout')).toBe(ended.stdout);
  expect(ended.stdout).toHaveLength(100_001);
  expect(await place.session('s')).toMatchObject({ outcome: 'failed', labels: { signal: 'SIGKILL' } });
});

it('passes signals on, and an interrupted run is cancelled', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const script =
    'trap "echo caught; exit 9" TERM; echo ready; while :; do read -r line < fifo || sleep 0.1; done';
  const terminated = place.run('--session', 'term', '--', 'sh', '-c', `mkfifo fifo; ${script}`);
  await expect.poll(() => terminated.stdout(), { timeout: 15_000 }).toContain('ready');
  terminated.child.kill('SIGTERM');
  const { code, stdout, stderr } = await terminated.ended;
  expect({ code, stdout }).toEqual({ code: 9, stdout: 'ready\ncaught\n' });
  // What is no regular file is named, and opened by nobody.
  expect(stderr).toContain('fifo was not stored: is a pipe');
  const interrupted = place.run(
    '--session',
    'int',
    '--',
    'python3',
    '-c',
    'import time; print(1, flush=True); time.sleep(60)',
  );
  await expect.poll(() => interrupted.stdout(), { timeout: 15_000 }).toBe('1\n');
  interrupted.child.kill('SIGINT');
  expect((await interrupted.ended).code).toBe(130);
  expect(await place.session('int')).toMatchObject({ outcome: 'cancelled' });
});

it('outlives its terminal under nohup, and so does its command', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const script = 'mkfifo gate; echo $$; read -r go < gate; echo ended';
  const launcher = join(import.meta.dirname, '../../bin/artifacta');
  const args = ['run', '--session', 's', '--data-dir', place.dataDir, '--', 'sh', '-c', script];
  const child = spawn('nohup', [launcher, ...args], {
    cwd: place.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  await expect.poll(() => stdout, { timeout: 15_000 }).toMatch(/^\d+\n$/);
  child.kill('SIGHUP');
  process.kill(Number(stdout), 'SIGHUP');
  await writeFile(join(place.directory, 'gate'), 'go\n');
  expect(await ended).toEqual([0, null]);
  expect(stdout).toMatch(/\nended\n$/);
  expect(await place.session('s')).toMatchObject({ outcome: 'succeeded' });
});

it('gives a command a terminal of its own, and captures it', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const script = 'import sys; print(sys.stdout.isatty(), sys.stderr.isatty(), sys.argv[1]); sys.exit(4)';
  const words = ['python3', '-c', script, "it's $HOME"];
  const { code, stdout } = await place.run('--session', 's', '--pty', '--', ...words).ended;
  expect({ code, stdout }).toEqual({ code: 4, stdout: "True True it's $HOME\r\n" });
  expect(await place.content('s/.run/stdout')).toBe(stdout);
});

it('captures no secret, and says which file it left out', { timeout: 30_000 }, async () => {
  const place = await runPlace({ '.git/HEAD': 'x' });
  const script =
    'echo k > server.pem; mkdir .ssh; echo k > .ssh/config; echo c > .git/index; echo ok > ok.txt';
  const words = ['sh', '-c', `${script} # --password=hunter2`, '--token', 'hunter3'];
  const { code, stderr } = await place.run('--session', 's', '--', ...words).ended;
  expect(code).toBe(0);
  expect(await place.names('s')).toEqual(['.run/result.json', 'ok.txt']);
  expect(stderr).toContain('server.pem was not stored: its name is that of a secret');
  const told = JSON.stringify([await resultOf(place, 's'), await place.session('s')]);
  expect(told).not.toContain('hunter');
});

it('is a run within a run', { timeout: 40_000 }, async () => {
  const place = await runPlace();
  const launcher = join(import.meta.dirname, '../../bin/artifacta');
  const script = 'echo inner > inner.txt; echo pushed | "$0" push - --name pushed.txt';
  const inner = [launcher, 'run', '--', 'sh', '-c', script, launcher];
  const { code } = await place.run('--session', 'outer', '--', ...inner).ended;
  expect(code).toBe(0);
  const files = async (session: string) =>
    (await place.names(session)).filter((name) => !name.startsWith('.run/'));
  expect(await files('outer.1')).toEqual(['inner.txt', 'pushed.txt']);
  expect(await files('outer')).toEqual(['inner.txt']);
  expect(await place.content('outer/.run/stderr')).toContain('the session is outer.1');
  expect(await place.session('outer.1')).toMatchObject({
    outcome: 'succeeded',
    metadata: { parent: 'outer' },
  });
});

it('watches what it is told to, also what does not exist yet', { timeout: 30_000 }, async () => {
  const place = await runPlace({ 'a.csv': '1', 'b.txt': '1' });
  const script =
    'echo 2 > a.csv; echo 2 > b.txt; mkdir -p out/deep; echo 3 > out/deep/c; echo 3 > "$1"/out.log';
  const args = [
    '--session',
    's',
    '--out',
    '*.csv',
    '--out',
    'out',
    '--',
    'sh',
    '-c',
    script,
    'sh',
    place.directory,
  ];
  expect((await place.run(...args).ended).code).toBe(0);
  expect(await place.names('s')).toEqual(['.run/result.json', 'a.csv', 'out/deep/c']);
});

it('runs nothing that does not exist, and ends its session', { timeout: 30_000 }, async () => {
  const place = await runPlace({ 'not-executable': '#!/bin/sh\n' });
  await chmod(join(place.directory, 'not-executable'), 0o644);
  const absent = await place.run('--session', 'absent', '--', 'no-such-program').ended;
  expect(absent).toMatchObject({ code: 127, stdout: '' });
  expect(absent.stderr).toContain('no-such-program: cannot be started: the program does not exist');
  expect((await place.run('--session', 'closed', '--', './not-executable').ended).code).toBe(126);
  for (const id of ['absent', 'closed']) expect(await place.session(id)).toMatchObject({ outcome: 'failed' });
  const again = await place.run('--session', 'absent', '--', 'no-such-program').ended;
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('session absent has ended: name another one with --session');
});

it('leaves a killed run to its lease, with the output so far', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  await startServe(place.dataDir).ready;
  const running = place.run('--session', 's', '--', 'sh', '-c', 'echo begun; exec sleep 60');
  await expect.poll(() => running.stdout(), { timeout: 15_000 }).toBe('begun\n');
  const parts = async () => (await place.command('ls', 's', '--quiet')).stdout;
  await expect.poll(parts, { timeout: 15_000 }).not.toBe('');
  const follower = start(['cat', '--follow', 's/.run/stdout', '--data-dir', place.dataDir]);
  await expect.poll(() => follower.stdout(), { timeout: 15_000 }).toBe('begun\n');
  running.child.kill('SIGKILL');
  await running.ended;
  expect(await place.session('s')).toMatchObject({ state: 'open', lease: { duration_seconds: 120 } });
  expect((await place.command('session', 'seal', 's', '--outcome', 'failed')).code).toBe(0);
  expect(await follower.ended).toMatchObject({ code: 0, stdout: 'begun\n' });
});

it('keeps the exit code if somebody else has sealed the session, and says what was not stored', {
  timeout: 60_000,
}, async () => {
  const place = await runPlace();
  await startServe(place.dataDir).ready;
  const running = place.run(
    '--session',
    's',
    '--',
    'sh',
    '-c',
    'mkfifo gate; echo begun; read -r go < gate; exit 5',
  );
  await expect.poll(() => running.stdout(), { timeout: 15_000 }).toBe('begun\n');
  expect((await place.command('session', 'seal', 's')).code).toBe(0);
  await writeFile(join(place.directory, 'gate'), 'go\n');
  const { code, stderr } = await running.ended;
  expect(code).toBe(5);
  expect(stderr).toMatch(/session s .*sealed/);
});

it('stores everything if the service is killed meanwhile', { timeout: 60_000 }, async () => {
  const place = await runPlace();
  const server = startServe(place.dataDir);
  await server.ready;
  const script = 'mkfifo gate; echo begun; read -r go < gate; echo ended; echo x > made.txt';
  const running = place.run('--session', 's', '--', 'sh', '-c', script);
  await expect.poll(() => running.stdout(), { timeout: 15_000 }).toBe('begun\n');
  server.child.kill('SIGKILL');
  await server.ended;
  await writeFile(join(place.directory, 'gate'), 'go\n');
  expect((await running.ended).code).toBe(0);
  expect(await place.names('s')).toEqual(['.run/result.json', '.run/stdout', 'made.txt']);
  expect(await place.content('s/.run/stdout')).toBe('begun\nended\n');
});

it('passes bytes through as they are, and captures them all', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const script = 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 16384)';
  const ended = await place.run('--session', 's', '--quiet', '--', 'python3', '-c', script).ended;
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect((await place.command('pull', 's/.run/stdout', '--to', join(place.directory, 'pulled'))).code).toBe(
    0,
  );
  const pulled = await readFile(join(place.directory, 'pulled'));
  expect(
    pulled.equals(
      Buffer.alloc(
        4 * 1024 * 1024,
        Uint8Array.from({ length: 256 }, (_, at) => at),
      ),
    ),
  ).toBe(true);
});
