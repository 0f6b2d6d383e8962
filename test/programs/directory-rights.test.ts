/** Which directories are taken, by whom; and with what rights files are made in them. */
import { chmod, chown, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modesBelow } from '../../src/domain/system/file-modes.ts';
import { requireRights } from '../../src/programs/directory-rights.ts';
import { newDirectory } from '../support/command.ts';

describe('what is made in a directory', () => {
  const octal = ({ directory, file, gid }: ReturnType<typeof modesBelow>) =>
    `${directory.toString(8)} ${file.toString(8)} ${gid ?? '-'}`;

  it.for([
    // Of its owner alone.
    [0o700, '700 600 -'],
    [0o755, '700 600 -'],
    // Of a group, which may do with it what it may do with what it is in.
    [0o2775, '2770 660 -'],
    [0o2770, '2770 660 -'],
    [0o775, '2770 660 9'],
    [0o770, '2770 660 9'],
    [0o2755, '2750 640 -'],
    [0o2700, '2700 600 -'],
    // Anybody's.
    [0o1777, '700 600 -'],
    [0o3777, '700 600 -'],
    [0o2777, '700 600 -'],
  ] as const)('of mode %o is %s', ([mode, made]) => {
    expect(octal(modesBelow({ mode, gid: 9 }))).toBe(made);
  });
});

const me = process.geteuid!();
const myGroup = process.getegid!();
const somebody = { uid: me + 1, gids: [myGroup + 1] };
const ofOurGroup = { uid: me + 1, gids: [myGroup + 1, myGroup] };

describe('a directory', () => {
  async function made(mode: number, ...parts: [name: string, mode: number][]): Promise<string> {
    const directory = await newDirectory();
    for (const [name, partMode] of parts) {
      await mkdir(join(directory, name));
      await chmod(join(directory, name), partMode);
    }
    await chmod(directory, mode);
    return directory;
  }

  it.for([0o700, 0o755, 0o750, 0o555])('of mode %o is its owner’s', async (mode) => {
    expect(await requireRights(await made(mode))).toBeUndefined();
  });

  it.for([0o777, 0o757, 0o702, 0o703, 0o2777, 0o722])('of mode %o is anybody’s', async (mode) => {
    const directory = await made(mode);
    await expect(requireRights(directory)).rejects.toThrow(`run "chmod o-w ${directory}"`);
    await expect(requireRights(directory, somebody)).rejects.toThrow('all users may write');
  });

  it.for(['index', 'lock', 'blobs', 'tmp', 'run', 'index.rebuild'])(
    'whose %s is anybody’s is too',
    async (name) => {
      const directory = await made(0o700, [name, 0o777]);
      await expect(requireRights(directory)).rejects.toThrow(`"chmod o-w ${join(directory, name)}"`);
    },
  );

  it('whose index lies elsewhere is judged by that', async () => {
    const elsewhere = await made(0o777);
    const directory = await made(0o700);
    await symlink(elsewhere, join(directory, 'index'));
    await expect(requireRights(directory)).rejects.toThrow('all users may write');
    await chmod(elsewhere, 0o700);
    expect(await requireRights(directory)).toBeUndefined();
  });

  it.for([0o775, 0o770, 0o2775, 0o2770])('of mode %o is its group’s, which is said', async (mode) => {
    const directory = await made(mode);
    for (const user of [undefined, ofOurGroup])
      expect(await (user === undefined ? requireRights(directory) : requireRights(directory, user))).toMatch(
        new RegExp(`the group ${myGroup} may write`),
      );
    await expect(requireRights(directory, somebody)).rejects.toThrow(
      `belongs to the user ${me}, and this process runs as the user ${me + 1}: run it as that user, or "chown -R ${me + 1} `,
    );
  });

  it('of a group may hold the socket of another user in it', async () => {
    const directory = await made(0o2770, ['run', 0o700]);
    expect(await requireRights(directory, ofOurGroup)).toMatch('may write');
    await mkdir(join(directory, 'index'), { mode: 0o700 });
    await expect(requireRights(directory, ofOurGroup)).rejects.toThrow(
      `${join(directory, 'index')} belongs to`,
    );
  });

  it.for([0o700, 0o755, 0o2755])('of mode %o is no group’s', async (mode) => {
    const directory = await made(mode);
    await expect(requireRights(directory, ofOurGroup)).rejects.toThrow(`or "chmod g+w ${directory}"`);
    await expect(requireRights(directory, { uid: me + 1, gids: [0, myGroup + 1] })).rejects.toThrow(
      'chown -R',
    );
  });

  it('that anybody may write to, but for what others have made, is taken if all in it is ours', async () => {
    const directory = await made(0o1777, ['index', 0o700]);
    await writeFile(join(directory, 'index.mark'), '1\n');
    expect(await requireRights(directory)).toBeUndefined();
    await expect(requireRights(directory, somebody)).rejects.toThrow('belongs to the user');
  });

  it.skipIf(me !== 0)(
    'of that kind whose owner is another user is not, nor one with parts of another',
    async () => {
      const directory = await made(0o1777);
      await chown(directory, 1234, 1234);
      await expect(requireRights(directory)).rejects.toThrow('belongs to the user 1234');
      await chown(directory, 0, 0);
      for (const name of ['index', 'index.mark', 'lock', 'run']) {
        const path = join(directory, name);
        await writeFile(path, '');
        await chown(path, 1234, 1234);
        await expect(requireRights(directory)).rejects.toThrow(`${path} belongs to the user 1234`);
        await chown(path, 0, 0);
      }
      expect((await stat(directory)).mode & 0o7777).toBe(0o1777);
    },
  );
  if (me !== 0) console.warn('not root: directories of other users are tried as another user of one’s own');
});
