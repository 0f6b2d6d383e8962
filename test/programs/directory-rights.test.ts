/** Who may write a data directory decides whether it is used. */
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkRights } from '../../src/programs/directory-rights.ts';
import { launcher, startServe } from '../e2e/serve-process.ts';
import { newDirectory, start } from '../support/command.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('skipped, directories of other users: only root can make them');

let directory: string;

beforeEach(async () => {
  directory = join(await newDirectory(), 'data');
  await mkdir(directory);
});

const me = { uid: process.getuid!(), groups: [process.getgid!()] };

describe('a data directory', () => {
  it.each([
    [0o700, undefined],
    [0o755, undefined],
    [0o775, /may be written by its group \(gid \d+\)$/],
    [0o2770, /may be written by its group/],
    [0o1777, /is shared with everybody/],
  ])('of mode %o is used', async (mode, said) => {
    await chmod(directory, mode);
    const told = await checkRights(directory, me);
    if (said === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(said);
  });

  it.each([0o777, 0o707, 0o702, 0o2777])(
    'of mode %o is refused, and the command that helps is told',
    async (mode) => {
      await chmod(directory, mode);
      await expect(checkRights(directory, me)).rejects.toThrow(
        `anybody may write it; run: chmod o-w ${directory}`,
      );
    },
  );

  it.skipIf(!isRoot)('of another user is refused, unless it is writable for a group of ours', async () => {
    const other = { uid: 1_234, groups: [5_678] };
    await chown(directory, 4_321, 5_678);
    await chmod(directory, 0o755);
    await expect(checkRights(directory, other)).rejects.toThrow(
      /belongs to another user \(uid 4321\); run: chown -R 1234 /,
    );
    await chmod(directory, 0o2775);
    expect(await checkRights(directory, other)).toMatch(/may be written by its group \(gid 5678\)/);
    await expect(checkRights(directory, { ...other, groups: [1] })).rejects.toThrow(/another user/);
    expect(await checkRights(directory, { uid: 0, groups: [0] })).toMatch(
      /belongs to uid 4321, and this is root/,
    );
  });

  it.skipIf(!isRoot)(
    'in which anybody may make files is refused if something in it is somebody else’s',
    async () => {
      await chmod(directory, 0o1777);
      await writeFile(join(directory, 'index.mark'), '');
      expect(await checkRights(directory, me)).toMatch(/shared/);
      await chown(join(directory, 'index.mark'), 4_321, 4_321);
      await expect(checkRights(directory, me)).rejects.toThrow(/index.mark in it belongs to another user/);
    },
  );
});

describe('every command that opens it', () => {
  it('refuses one that anybody may write, and nothing is made in it', async () => {
    await chmod(directory, 0o777);
    await writeFile(join(directory, '..', 'a'), 'a');
    for (const args of [
      ['push', join(directory, '..', 'a'), '--session', 's'],
      ['session', 'ls'],
      ['fsck'],
    ]) {
      const { code, stderr } = await start([...args, '--data-dir', directory]).ended;
      expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('run: chmod o-w ') });
    }
    const server = startServe(directory);
    expect(await server.ended).not.toBe(0);
    expect(server.stderr() + JSON.stringify(server.lines)).toContain('run: chmod o-w ');
  });

  it('says once that a group may write it', async () => {
    await chmod(directory, 0o2770);
    const server = startServe(directory);
    await server.ready;
    const said = server.lines.filter(({ msg }) => msg.includes('may be written by its group'));
    expect(said).toHaveLength(1);
  });

  it.each(['000', '022', '077', '777'])(
    'makes what only its owner may enter, with umask %s',
    async (mask) => {
      const dataDir = join(directory, 'new');
      const { status, stderr } = spawnSync(
        'sh',
        ['-c', `umask ${mask}; exec "$0" session ls --data-dir "$1"`, launcher, dataDir],
        { encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: join(directory, 'cache') } },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: 'artifacta: there are no sessions\n' });
      const modes = await Promise.all(
        ['', 'index', 'lock', 'blobs', 'tmp', 'index.mark'].map(async (name) => {
          const { mode } = await stat(join(dataDir, name));
          return `${name} ${(mode & 0o077).toString(8)}`;
        }),
      );
      expect(modes).toEqual([' 0', 'index 0', 'lock 0', 'blobs 0', 'tmp 0', 'index.mark 0']);
    },
  );
});
