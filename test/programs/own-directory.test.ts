import { link, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OwnDirectory, outsideReader } from '../../src/programs/own-directory.ts';
import { newDirectory } from '../support/command.ts';

/** A data directory as far as its paths go, and things around it. */
async function place() {
  const root = await newDirectory();
  const dataDir = join(root, 'data');
  for (const name of ['index', 'lock', 'index.rebuild/new', 'blobs/aa'])
    await mkdir(join(dataDir, name), { recursive: true });
  for (const name of ['index/LOCK', 'lock/LOCK', 'index.rebuild/new/LOCK', 'blobs/aa/bytes'])
    await writeFile(join(dataDir, name), name);
  await mkdir(join(root, 'other', 'deep'), { recursive: true });
  await writeFile(join(root, 'other', 'file'), 'mine');
  const own = new OwnDirectory(dataDir);
  return { root, dataDir, own, contains: (path: string) => own.contains(join(root, path)) };
}

describe('a data directory', () => {
  it('contains itself and all below it, there or not', async () => {
    const { own, dataDir, contains } = await place();
    expect(own.contains(dataDir)).toBe(true);
    for (const path of ['data/', 'data/index/LOCK', 'data/blobs/aa/bytes', 'data/new', 'data/new/file'])
      expect([path, contains(path)]).toEqual([path, true]);
  });

  it('contains nothing beside it or around it', async () => {
    const { root, own, contains } = await place();
    expect(own.contains(root)).toBe(false);
    for (const path of ['other', 'other/file', 'other/new', 'data2', 'none/data/index', 'other/LOCK'])
      expect([path, contains(path)]).toEqual([path, false]);
  });

  it('contains what dots lead to, as the system follows them', async () => {
    const { root, own } = await place();
    await symlink(join(root, 'data', 'index'), join(root, 'other', 'link'));
    expect(own.contains(`${root}/other/../data/index`)).toBe(true);
    expect(own.contains(`${root}/data/../other/file`)).toBe(false);
    expect(own.contains(`${root}/other/link/../new`)).toBe(true);
    expect(own.contains(`${root}/other/link/../../other/file`)).toBe(false);
  });

  it('contains what links lead to, also to nothing yet', async () => {
    const { root, contains } = await place();
    await symlink('../data', join(root, 'other', 'directory'));
    await symlink('directory/index/LOCK', join(root, 'other', 'lock'));
    await symlink('directory/index/none', join(root, 'other', 'dangling'));
    await symlink('circle', join(root, 'other', 'circle'));
    for (const path of ['other/directory', 'other/directory/x/y', 'other/lock', 'other/dangling'])
      expect([path, contains(path)]).toEqual([path, true]);
    expect(contains('other/circle')).toBe(false);
  });

  it('contains its locks by other names', async () => {
    const { root, dataDir, contains } = await place();
    for (const name of ['index', 'lock', 'index.rebuild/new']) {
      const path = `other/${name.replaceAll('/', '-')}`;
      await link(join(dataDir, name, 'LOCK'), join(root, path));
      expect([path, contains(path)]).toEqual([path, true]);
    }
  });

  it('is known by what it is, not by its name', async () => {
    const { root, dataDir, own, contains } = await place();
    await symlink(dataDir, join(root, 'named'));
    const named = new OwnDirectory(join(root, 'named'));
    expect(named.contains(join(dataDir, 'index'))).toBe(true);
    await rename(join(dataDir, 'index'), join(root, 'other', 'moved'));
    expect(contains('other/moved/LOCK')).toBe(false);
    expect(own.contains(join(dataDir, 'lock'))).toBe(true);
  });

  it('that is not there contains nothing', async () => {
    const root = await newDirectory();
    expect(new OwnDirectory(join(root, 'none')).contains(join(root, 'none', 'x'))).toBe(false);
  });

  it('will contain what is made in it, by whatever way to it', async () => {
    const { root, own, dataDir } = await place();
    expect(own.willContain(join(dataDir, '.cache'))).toBe(true);
    expect(own.willContain(join(root, 'other'))).toBe(false);
    await symlink('none', join(root, 'link'));
    for (const name of ['none', 'link', 'other/../none']) {
      const later = new OwnDirectory(`${root}/${name}`);
      const within = ['none', 'none/x/y', 'link', 'link/x', 'none2', 'x', 'other/none'].filter((path) =>
        later.willContain(join(root, path)),
      );
      expect([name, within]).toEqual([name, ['none', 'none/x/y', 'link', 'link/x']]);
    }
    expect(new OwnDirectory('/').willContain(join(root, 'x'))).toBe(true);
  });

  it('keeps files from being read as settings', async () => {
    const { root, dataDir, own } = await place();
    const read = outsideReader(own);
    expect(String(await read(join(root, 'other', 'file')))).toBe('mine');
    await expect(read(join(dataDir, 'index', 'LOCK'))).rejects.toThrow(
      `${join(dataDir, 'index', 'LOCK')}: must not be in the data directory ${dataDir}`,
    );
  });
});
