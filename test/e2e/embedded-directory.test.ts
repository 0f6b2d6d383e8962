/** Which directories are taken for a store. */
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';

describe('a data directory', () => {
  it('that holds other things is refused, and nothing in it is touched', async () => {
    const directory = await newDirectory();
    await mkdir(join(directory, 'tmp'));
    await writeFile(join(directory, 'tmp', 'letter.txt'), 'mine');
    const { code, stderr } = await artifacta('session', 'ls', '--data-dir', directory);
    expect(code).toBe(4);
    expect(stderr).toMatch(/is not empty and is not a store/);
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
      expect(stderr).toMatch(/cannot use the data directory/);
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
