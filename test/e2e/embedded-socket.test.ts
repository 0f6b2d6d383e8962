/** The socket on which a command serves the store that it has open. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { openerOf } from '../support/pushers.ts';
import { slowPush, socketOf, untilServed } from './embedded-rig.ts';
import { startServe } from './serve-process.ts';

const isLinux = process.platform === 'linux';

describe('the socket', () => {
  it.skipIf(!isLinux)('of a command that was killed is removed by the next', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    expect(await openerOf(dataDir)).toBe(first.child.pid);
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

  it.each([
    {
      where: 'something else is',
      make: async (path: string) => {
        await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
        await writeFile(path, 'not a socket');
      },
      warning: /cannot make the socket: something else exists/,
    },
    {
      where: 'others may enter',
      make: async (path: string) => {
        await mkdir(join(path, '..'), { recursive: true });
        await chmod(join(path, '..'), 0o755);
      },
      warning: /must be open only to its owner: run "chmod 700/,
    },
  ])('cannot be where $where: the command does its own work all the same', async ({ make, warning }) => {
    const dataDir = join(await newDirectory(), 'data');
    await make(socketOf(dataDir));
    const pusher = await slowPush(dataDir, 'first');
    let warned = '';
    pusher.child.stderr!.on('data', (text) => {
      warned += String(text);
    });
    await expect.poll(() => warned, { timeout: 15_000 }).toMatch(warning);
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
    onTestFinished(async () => {
      pusher.child.kill('SIGKILL');
      await pusher.ended;
    });
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
    const asNobody = (script: string, path: string) =>
      spawnSync(process.execPath, ['-e', script, path], {
        uid: 65_534,
        gid: 65_534,
        encoding: 'utf8',
        timeout: 10_000,
      });
    const list = "require('fs').readdirSync(process.argv[1])";
    const read = "require('fs').readFileSync(process.argv[1])";
    const connect =
      "require('net').connect(process.argv[1]).on('error', (e) => { throw e; }).on('connect', process.exit)";
    // What is around it they can see, so it is not that which keeps them out.
    expect(asNobody(list, directory).status).toBe(0);
    for (const [script, path] of [
      [list, ''],
      [list, 'index'],
      [list, 'blobs'],
      [list, 'tmp'],
      [list, 'run'],
      [read, 'index.mark'],
      [connect, 'run/sock'],
    ] as const) {
      const { status, stderr } = asNobody(script, join(dataDir, path));
      expect(status).not.toBe(0);
      expect(stderr).toContain('EACCES');
    }
  });

  it.skipIf(!isRoot)('of somebody else, under a name that could be foretold, is not spoken to', async () => {
    const directory = await newDirectory();
    // Like /tmp.
    await chmod(directory, 0o1777);
    const trap = join(directory, 'artifacta-0');
    await mkdir(trap, { mode: 0o700 });
    await chown(trap, 65_534, 65_534);
    let visits = 0;
    const server = createServer((connection) => {
      visits++;
      connection.destroy();
    }).listen(join(trap, 'sock'));
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const dataDir = join(directory, 'data');
    const args = ['push', '-', '--session', 'run', '--name', 'n', '--data-dir', dataDir];
    const pusher = start(args, { stdin: 'pipe', env: { ARTIFACTA_SOCKET: join(trap, 'sock') } });
    onTestFinished(async () => {
      pusher.child.kill('SIGKILL');
      await pusher.ended;
    });
    let warned = '';
    pusher.child.stderr!.on('data', (text) => {
      warned += String(text);
    });
    await expect
      .poll(() => warned, { timeout: 15_000 })
      .toMatch(/belongs to the user 65534, and this process runs as the user 0: .* Give --socket a path/);
    pusher.child.stdin!.end('x');
    expect(await pusher.ended).toMatchObject({ code: 0 });
    expect(visits).toBe(0);
  });
});

it('a process that turns calls away is asked again, past the usual number of tries, until it has left', async () => {
  const directory = await newDirectory();
  const socket = join(directory, 'sock');
  let visits = 0;
  const server = createServer((connection) => {
    connection.on('error', () => undefined).destroy();
    // Each try makes one connection to see whether somebody is there, and one for the call.
    if (++visits === 30) server.close();
  }).listen(socket);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const env = { ARTIFACTA_SOCKET: socket };
  const { code } = await start(['session', 'ls', '--data-dir', join(directory, 'data')], { env }).ended;
  expect(visits).toBeGreaterThanOrEqual(30);
  expect(code).toBe(0);
});
