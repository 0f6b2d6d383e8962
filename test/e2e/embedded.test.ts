/** Command lines without a service: one of them opens the store, and serves it to the others while it runs. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someBytes, type UploadMessage, uploadMessages } from '../support/calls.ts';
import { artifacta, newDirectory, type Running, start } from '../support/command.ts';
import { holderOf, pushAtOnce } from '../support/pushers.ts';
import { clientFor, startServe } from './serve-process.ts';

const isLinux = process.platform === 'linux';

async function listed(dataDir: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await artifacta(
    'ls',
    'run',
    '--all-versions',
    '--json',
    '--data-dir',
    dataDir,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** A push from standard input that goes on until its input is ended. */
async function slowPush(dataDir: string, name: string): Promise<Running> {
  const pusher = start(['push', '-', '--session', 'run', '--name', name, '--data-dir', dataDir], {
    stdin: 'pipe',
  });
  onTestFinished(() => void pusher.child.kill('SIGKILL'));
  pusher.child.stdin!.write(Buffer.alloc(3_000_000, name));
  return pusher;
}

/** An upload that is finished when the test says so. */
function slowUpload(address: string, name: string) {
  const gate = Promise.withResolvers<void>();
  const bytes = someBytes(600_000);
  async function* parts(): AsyncGenerator<UploadMessage> {
    for await (const message of uploadMessages({ session: 'run', name }, bytes)) {
      if (message.part?.case === 'finish') await gate.promise;
      yield message;
    }
  }
  return { answer: clientFor(address).uploadArtifact(parts()), goOn: gate.resolve };
}

const socketOf = (dataDir: string) => join(dataDir, 'run', 'sock');

async function untilServed(path: string): Promise<void> {
  await expect
    .poll(async () => (await stat(path).catch(() => undefined))?.isSocket(), { timeout: 15_000 })
    .toBe(true);
}

describe('command lines at once, and no service', () => {
  it('all push, each once', { timeout: 60_000 }, async () => {
    const directory = await newDirectory();
    const dataDir = join(directory, 'data');
    const pushed = await pushAtOnce({ directory: join(directory, 'files'), dataDir, count: 20 });
    for (const { ended } of pushed) expect(ended).toMatchObject({ code: 0, stderr: '' });
    const found = await listed(dataDir);
    expect(found.map(({ name }) => name).sort()).toEqual(pushed.map(({ name }) => name).sort());
    expect(new Set(found.map(({ version }) => version))).toEqual(new Set([1]));
  });

  it.skipIf(!isLinux)(
    'all push, while the one that has the store is killed again and again',
    { timeout: 90_000 },
    async () => {
      const directory = await newDirectory();
      const dataDir = join(directory, 'data');
      const pushed = await pushAtOnce({ directory: join(directory, 'files'), dataDir, count: 20, kills: 6 });
      expect(pushed.reduce((sum, { kills }) => sum + kills, 0)).toBe(6);
      for (const { ended } of pushed) expect(ended).toMatchObject({ code: 0 });
      const found = await listed(dataDir);
      expect(found.map(({ name }) => name).sort()).toEqual(pushed.map(({ name }) => name).sort());
      expect(new Set(found.map(({ version }) => version))).toEqual(new Set([1]));
      expect(await artifacta('fsck', '--contents', '--data-dir', dataDir)).toMatchObject({ code: 0 });
    },
  );
});

describe('a command that has the store', () => {
  it('serves others, and leaves when their calls have ended', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const second = slowUpload(`unix:${socketOf(dataDir)}`, 'second');
    await expect.poll(async () => (await readdir(join(dataDir, 'tmp'))).length, { timeout: 15_000 }).toBe(1);
    first.child.stdin!.end();
    // Newcomers see no socket while the second is waited for.
    await expect
      .poll(async () => await stat(socketOf(dataDir)).catch(() => 'gone'), { timeout: 15_000 })
      .toBe('gone');
    expect(first.child.exitCode).toBe(null);
    second.goOn();
    expect((await second.answer).artifact?.name).toBe('second');
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await listed(dataDir)).map(({ name }) => name).sort()).toEqual(['first', 'second']);
  });

  it('is waited for, and its store is opened when it has left', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const server = startServe(dataDir);
    await expect
      .poll(() => server.lines.at(-1)?.msg, { timeout: 15_000 })
      .toMatch(/^waiting for another process/);
    first.child.stdin!.end();
    expect(await first.ended).toMatchObject({ code: 0 });
    await server.ready;
    expect((await listed(dataDir)).map(({ name }) => name)).toEqual(['first']);
  });

  it('is not waited for longer than was said', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const env = { ARTIFACTA_LOCK_WAIT_SECONDS: '0', ARTIFACTA_SOCKET: join(dataDir, 'elsewhere') };
    const { code, stderr } = await start(['ls', '--data-dir', dataDir], { env }).ended;
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: `artifacta: another process has the data directory open: ${dataDir}\n  Is the service running, and is --url right?\n`,
    });
    first.child.stdin!.end();
    await first.ended;
  });

  it('ends at once when it is interrupted twice, and what it leaves is removed by the next', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const other = slowUpload(`unix:${socketOf(dataDir)}`, 'other');
    const failed = expect(other.answer).rejects.toThrow();
    await expect.poll(async () => (await readdir(join(dataDir, 'tmp'))).length, { timeout: 15_000 }).toBe(1);
    first.child.kill('SIGINT');
    await expect
      .poll(async () => await stat(socketOf(dataDir)).catch(() => 'gone'), { timeout: 15_000 })
      .toBe('gone');
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    await failed;
    expect(await readdir(join(dataDir, 'tmp'))).toHaveLength(1);
    expect(await artifacta('session', 'ls', '--data-dir', dataDir)).toMatchObject({ code: 0, stdout: '' });
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
  });
});

describe('the socket', () => {
  it.skipIf(!isLinux)('of a command that was killed is removed by the next', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    expect(await holderOf(dataDir)).toBe(first.child.pid);
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await stat(socketOf(dataDir))).isSocket()).toBe(true);
    const second = await slowPush(dataDir, 'second');
    await expect
      .poll(async () => (await artifacta('ls', '--url', `unix:${socketOf(dataDir)}`)).code, {
        timeout: 20_000,
      })
      .toBe(0);
    second.child.stdin!.end();
    expect(await second.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('cannot be where something else is: the command does its own work all the same', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await mkdir(join(dataDir, 'run'), { recursive: true, mode: 0o700 });
    await writeFile(socketOf(dataDir), 'not a socket');
    const pusher = await slowPush(dataDir, 'first');
    let warned = '';
    pusher.child.stderr!.on('data', (text) => {
      warned += String(text);
    });
    await expect.poll(() => warned, { timeout: 15_000 }).toMatch(/something else where the socket is to be/);
    pusher.child.stdin!.end();
    expect(await pusher.ended).toMatchObject({ code: 0 });
  });

  it('of a data directory with a long path is elsewhere, and found', async () => {
    const directory = await newDirectory();
    const dataDir = join(directory, 'd'.repeat(100), 'data');
    const runtimeDir = join(directory, 'r');
    await mkdir(runtimeDir, { mode: 0o700 });
    const env = { XDG_RUNTIME_DIR: runtimeDir };
    const pusher = start(['push', '-', '--session', 'run', '--name', 'n', '--data-dir', dataDir], {
      stdin: 'pipe',
      env,
    });
    onTestFinished(() => void pusher.child.kill('SIGKILL'));
    const socket = join(
      runtimeDir,
      'artifacta',
      createHash('sha256').update(dataDir).digest('hex').slice(0, 32),
    );
    await untilServed(socket);
    expect((await stat(join(runtimeDir, 'artifacta'))).mode & 0o777).toBe(0o700);
    expect(await start(['session', 'ls', '--data-dir', dataDir], { env }).ended).toMatchObject({ code: 0 });
    pusher.child.stdin!.end('x');
    expect(await pusher.ended).toMatchObject({ code: 0 });
  });

  it('takes no token: one that cannot be checked grants nothing', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const server = startServe(dataDir);
    await server.ready;
    const env = { ARTIFACTA_TOKEN: 'ark_1_x' };
    const { code, stderr } = await start(['session', 'ls', '--data-dir', dataDir], { env }).ended;
    expect(code).toBe(5);
    expect(stderr).toContain('UNAUTHENTICATED');
  });

  const isRoot = process.getuid?.() === 0;
  if (!isRoot) console.warn('not root: what another user of the machine can see of a store is not tested');
  it.skipIf(!isRoot)('and all else is out of reach of other users, whatever the umask', async () => {
    const directory = await newDirectory();
    await chmod(directory, 0o755);
    const dataDir = join(directory, 'data');
    const shell = spawnSync('sh', [
      '-c',
      `umask 000; printf secret | "$0" push - --session s --name n --data-dir "$1"`,
      join(import.meta.dirname, '../../bin/artifacta'),
      dataDir,
    ]);
    expect(shell.status).toBe(0);
    const server = startServe(dataDir);
    await server.ready;
    const asNobody = (script: string) =>
      spawnSync(process.execPath, ['-e', script, dataDir], { uid: 65_534, gid: 65_534, encoding: 'utf8' });
    for (const attempt of [
      "require('fs').readdirSync(process.argv[1])",
      "require('fs').readFileSync(process.argv[1] + '/index.mark')",
      "require('net').connect(process.argv[1] + '/run/sock').on('error', (e) => { throw e; })",
    ]) {
      const { status, stderr } = asNobody(attempt);
      expect(status).not.toBe(0);
      expect(stderr).toContain('EACCES');
    }
  });
});

describe('a data directory', () => {
  it('that holds other things is refused, and nothing in it is touched', async () => {
    const directory = await newDirectory();
    await mkdir(join(directory, 'tmp'));
    await writeFile(join(directory, 'tmp', 'letter.txt'), 'mine');
    const { code, stderr } = await artifacta('session', 'ls', '--data-dir', directory);
    expect(code).toBe(4);
    expect(stderr).toMatch(/is not empty, and no store/);
    expect(await readdir(directory)).toEqual(['tmp']);
    expect(await readdir(join(directory, 'tmp'))).toEqual(['letter.txt']);
  });

  it('of a store may have something else in it', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await artifacta('session', 'ls', '--data-dir', dataDir);
    await writeFile(join(dataDir, 'README'), 'mine');
    await writeFile(join(dataDir, 'index', 'notes'), 'mine');
    await writeFile(join(dataDir, 'tmp', '.keep'), 'mine');
    expect(await artifacta('session', 'ls', '--data-dir', dataDir)).toMatchObject({ code: 0 });
    expect(await readdir(join(dataDir, 'tmp'))).toEqual(['.keep']);
  });

  it('that is a file, or behind one, is refused', async () => {
    const directory = await newDirectory();
    await writeFile(join(directory, 'file'), '');
    for (const path of ['file', 'file/below']) {
      const { code, stderr } = await artifacta('session', 'ls', '--data-dir', join(directory, path));
      expect(code).toBe(4);
      expect(stderr).toMatch(/the data directory cannot be used/);
    }
  });

  it('may be reached by a symbolic link', async () => {
    const directory = await newDirectory();
    await mkdir(join(directory, 'real'));
    await symlink(join(directory, 'real'), join(directory, 'link'));
    expect(await artifacta('session', 'ls', '--data-dir', join(directory, 'link'))).toMatchObject({
      code: 0,
    });
    expect(await artifacta('session', 'ls', '--data-dir', join(directory, 'real'))).toMatchObject({
      code: 0,
    });
  });
});

it('a socket that somebody else listens on is a service like any other', async () => {
  const directory = await newDirectory();
  const socket = join(directory, 'sock');
  const server = createServer((connection) => connection.destroy()).listen(socket);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const env = { ARTIFACTA_SOCKET: socket };
  const { code } = await start(['session', 'ls', '--data-dir', join(directory, 'data')], { env }).ended;
  expect(code).toBe(4);
});
