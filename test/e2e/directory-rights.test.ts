/** Data directories of others, of a group and of nobody else, and with what rights files are made in them. */
import { chmod, chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { artifactaAs, type OtherUser } from '../support/as-user.ts';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { startServe } from './serve-process.ts';

const me = process.geteuid!();
const isRoot = me === 0;
if (!isRoot) console.warn('not root: other users are not tried');

/** A directory that others can come by, with one of that mode in it, and a file to push. */
async function place(mode: number, gid = process.getegid!(), uid = me) {
  const directory = await newDirectory();
  await chmod(directory, 0o755);
  const dataDir = join(directory, 'data');
  await mkdir(dataDir);
  await chown(dataDir, uid, gid);
  await chmod(dataDir, mode);
  const large = join(directory, 'large.bin');
  await writeFile(large, someBytes(200_000));
  return { directory, dataDir, large };
}

async function userAt(
  directory: string,
  uid: number,
  gids: OtherUser['gids'],
  umask = 0o022,
): Promise<OtherUser> {
  const home = join(directory, `home-${uid}`);
  await mkdir(home, { recursive: true });
  await chown(home, uid, gids[0]);
  return { uid, gids, umask, home };
}

/** Mode and group of everything in a directory, sockets and what LevelDB keeps for itself included. */
async function rightsIn(
  directory: string,
): Promise<{ path: string; mode: number; gid: number; isDirectory: boolean }[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, gid } = await stat(path);
      return {
        path: path.slice(directory.length + 1),
        mode: mode & 0o7777,
        gid,
        isDirectory: entry.isDirectory(),
      };
    }),
  );
}

describe('a data directory that anybody may write to', () => {
  it('is refused by everything that opens it, and nothing is made in it', async () => {
    const { dataDir, large } = await place(0o777);
    const refused = {
      stderr: expect.stringContaining(`all users may write to ${dataDir}: run "chmod o-w ${dataDir}"`),
    };
    for (const args of [
      ['push', large, '--session', 's'],
      ['ls', 's'],
      ['fsck'],
      ['export', `${large}.index`],
    ])
      expect(await start([...args, '--data-dir', dataDir]).ended).toMatchObject({ code: 4, ...refused });
    for (const args of [
      ['serve', '--grpc-listen', '127.0.0.1:0', '--http-listen', '127.0.0.1:0', '--admin-listen', 'none'],
      ['reap', '--once'],
    ])
      expect(await start([...args, '--data-dir', dataDir]).ended).toMatchObject({ code: 1, ...refused });
    expect(await readdir(dataDir)).toEqual([]);
    const within = join(dataDir, 'store');
    expect(await start(['push', large, '--session', 's', '--data-dir', within]).ended).toMatchObject({
      code: 0,
    });
    expect((await stat(within)).mode & 0o7777).toBe(0o700);
  });

  it.skipIf(!isRoot)('as a shared directory serves each user below a name of their own', async () => {
    const { directory, dataDir, large } = await place(0o1777);
    const user = await userAt(directory, 4_001, [4_001]);
    const push = ['push', large, '--session', 's', '--data-dir'];
    expect(await artifactaAs(user, [...push, join(dataDir, 'theirs')])).toMatchObject({ code: 0 });
    await mkdir(join(dataDir, 'index'));
    await chown(join(dataDir, 'index'), 4_001, 4_001);
    const { code, stderr } = await start([...push, dataDir]).ended;
    expect(code).toBe(4);
    expect(stderr).toContain(`${join(dataDir, 'index')} belongs to the user 4001`);
  });
});

describe.skipIf(!isRoot)('a data directory of another user', () => {
  it('is refused to root too, and nothing is made in it', async () => {
    const { directory, dataDir, large } = await place(0o755, 4_001, 4_001);
    const push = ['push', large, '--session', 's', '--data-dir', dataDir];
    for (const ended of [
      await start(push).ended,
      await artifactaAs(await userAt(directory, 4_002, [4_002]), push),
    ]) {
      expect(ended.code).toBe(4);
      expect(ended.stderr).toMatch(
        /belongs to the user 4001, and this process runs as the user \d+: run it as that user, or "chown/,
      );
    }
    expect(await readdir(dataDir)).toEqual([]);
    expect(await artifactaAs(await userAt(directory, 4_001, [4_001]), push)).toMatchObject({ code: 0 });
  });

  it('of a group is used by all in it, whatever their umask, and it is said', async () => {
    const { directory, dataDir, large } = await place(0o2775, 4_100, 0);
    const push = (name: string) => ['push', large, '--session', 's', '--name', name, '--data-dir', dataDir];
    const users = [
      await userAt(directory, 4_001, [4_001, 4_100], 0o077),
      await userAt(directory, 4_002, [4_002, 4_100], 0o777),
      await userAt(directory, 4_003, [4_100], 0o000),
    ];
    const said = /the group 4100 may write to the data directory /;
    for (const [at, user] of users.entries()) {
      const { code, stderr } = await artifactaAs(user, push(`of-${user.uid}`));
      // A command that takes a while would serve others, if the directory of the socket were not another user's.
      const quiet = stderr.replace(
        /^artifacta: cannot serve the socket, so other commands wait until this one ends: .*\n/gm,
        '',
      );
      expect({ code, quiet }).toEqual({ code: 0, quiet: at === 0 ? expect.stringMatching(said) : '' });
    }
    const listed = await artifactaAs(users[0]!, ['ls', 's', '--quiet', '--data-dir', dataDir]);
    expect(listed.stdout.split('\n').filter((line) => line !== '')).toHaveLength(3);
    for (const { path, mode, gid, isDirectory } of await rightsIn(dataDir)) {
      if (path === 'run' || path.startsWith('run/')) continue;
      expect({ path, gid }).toEqual({ path, gid: 4_100 });
      expect({ path, mode }).toEqual({ path, mode: isDirectory ? 0o2770 : 0o660 });
    }
    const refused = await artifactaAs(await userAt(directory, 4_004, [4_004]), push('no'));
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('belongs to the user 0') });
  });

  it('that is not setgid gives what is made in it to its group', async () => {
    const { directory, dataDir, large } = await place(0o770, 4_100, 0);
    const user = await userAt(directory, 4_001, [4_001, 4_100]);
    expect(await artifactaAs(user, ['push', large, '--session', 's', '--data-dir', dataDir])).toMatchObject({
      code: 0,
    });
    for (const { path, gid } of await rightsIn(dataDir))
      if (!path.startsWith('run')) expect({ path, gid }).toEqual({ path, gid: 4_100 });
  });
});

describe.skipIf(!isRoot)('the directory of the socket', () => {
  /** Starts a service as that user, whose group is 4100. */
  const serveAs = (dataDir: string, uid: number, args: readonly string[] = []) =>
    startServe(dataDir, args, { HOME: join(dataDir, '..') }, { uid, gid: 4_100 });

  async function serveAndEnd(dataDir: string, uid: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const server = serveAs(dataDir, uid);
    expect(await server.ready).toMatchObject({ socket: join(dataDir, 'run', 'sock') });
    expect(await stat(join(dataDir, 'run'))).toMatchObject({ uid, mode: 0o40700 });
    server.child.kill(signal);
    expect(await server.ended).toBe(signal === 'SIGTERM' ? 0 : signal);
  }

  const runs = async (dataDir: string) =>
    (await readdir(dataDir)).filter((name) => name.startsWith('run')).sort();

  it.for([0o2775, 0o770])('in one of a group (%o) makes way for whoever serves next', async (mode) => {
    const { dataDir, large } = await place(mode, 4_100, 0);
    await serveAndEnd(dataDir, 4_001, 'SIGTERM');
    await serveAndEnd(dataDir, 4_002, 'SIGKILL');
    expect(await runs(dataDir)).toEqual(['run']);
    // What was left in it is set aside until its user comes again.
    await serveAndEnd(dataDir, 4_001, 'SIGKILL');
    expect(await runs(dataDir)).toEqual(['run', 'run.of-4002']);
    await serveAndEnd(dataDir, 4_002, 'SIGKILL');
    expect(await runs(dataDir)).toEqual(['run', 'run.of-4001']);
    // A command is no other.
    const user = await userAt(join(dataDir, '..'), 4_001, [4_100]);
    const pushed = await artifactaAs(user, ['push', large, '--session', 's', '--data-dir', dataDir]);
    expect(pushed).toMatchObject({ code: 0 });
    // One that takes long serves others meanwhile, in a directory of its own.
    expect((await runs(dataDir)).filter((name) => name !== 'run')).toEqual(['run.of-4002']);
    expect((await stat(join(dataDir, 'run')).catch(() => undefined))?.uid ?? 4_001).toBe(4_001);
  });

  it('of another user is refused where it cannot be moved, with what to do', async () => {
    const { directory, dataDir } = await place(0o1770, 4_100, 0);
    await serveAndEnd(dataDir, 4_001, 'SIGTERM');
    const elsewhere = join(directory, 'sockets');
    await mkdir(elsewhere);
    await chown(elsewhere, 4_001, 4_100);
    for (const [args, path] of [
      [[], join(dataDir, 'run')],
      [['--socket', join(elsewhere, 'sock')], elsewhere],
    ] as const) {
      await chmod(path, 0o700);
      const server = serveAs(dataDir, 4_002, args);
      expect(await server.ended).toBe(1);
      expect(server.stderr()).toContain(
        `the directory of the socket belongs to the user 4001, and this process runs as the user 4002: ${path}. ` +
          `Give --socket a path whose directory does not exist yet, such as ${path}-4002/sock, or remove the directory`,
      );
    }
  });
});

describe('what is made in a data directory', () => {
  it.for([0o000, 0o022, 0o077, 0o777])('is its owner’s alone, with umask %o', async (umask) => {
    const { directory, dataDir, large } = await place(0o755);
    const user = await userAt(directory, isRoot ? 4_001 : me, isRoot ? [4_001] : [process.getegid!()], umask);
    if (isRoot) await chown(dataDir, 4_001, 4_001);
    for (const where of [dataDir, join(directory, `home-${user.uid}`, 'store')]) {
      for (const session of ['s', 't'])
        expect(
          await artifactaAs(user, ['push', large, '--session', session, '--data-dir', where]),
        ).toMatchObject({
          code: 0,
          stderr: '',
        });
      for (const { path, mode, isDirectory } of await rightsIn(where)) {
        if (isDirectory) expect({ path, mode }).toEqual({ path, mode: 0o700 });
        else expect({ path, mode }).toEqual({ path, mode: 0o600 });
      }
    }
    expect((await stat(join(directory, `home-${user.uid}`, 'store'))).mode & 0o7777).toBe(0o700);
  });

  it('by a service is so in every file', async () => {
    const { dataDir, large } = await place(0o755);
    const server = startServe(dataDir);
    await server.ready;
    expect(await start(['push', large, '--session', 's', '--data-dir', dataDir]).ended).toMatchObject({
      code: 0,
    });
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(server.lines.filter(({ msg }) => msg.includes('shared'))).toEqual([]);
    for (const { path, mode, isDirectory } of await rightsIn(dataDir))
      expect({ path, mode }).toEqual({ path, mode: isDirectory ? 0o700 : 0o600 });
  });

  it('keeps its rights when the directory becomes a group’s', async () => {
    const { dataDir, large } = await place(0o700);
    const push = (session: string) =>
      start(['push', large, '--session', session, '--data-dir', dataDir]).ended;
    expect(await push('s')).toMatchObject({ code: 0 });
    await chmod(dataDir, 0o2775);
    expect(await push('t')).toMatchObject({ code: 0 });
    const server = startServe(dataDir);
    await server.ready;
    expect(server.lines.filter(({ msg }) => msg.includes('may write to the data directory'))).toMatchObject([
      { level: 'warn' },
    ]);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    for (const { path, mode, isDirectory } of await rightsIn(dataDir))
      if (isDirectory || path === 'index.mark' || path.startsWith('blobs'))
        expect({ path, mode }).toEqual({ path, mode: isDirectory ? 0o700 : 0o600 });
  });
});
