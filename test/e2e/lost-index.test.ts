/** A store whose index is gone: what is left of it decides, and contents are never taken for those of a new store. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLevelDatabase } from '../../src/index/leveldb/leveldb.ts';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { startServe } from './serve-process.ts';

async function filled() {
  const directory = await newDirectory();
  const dataDir = join(directory, 'data');
  // A command holds what is left of a damaged index until its process ends.
  const run = (...args: string[]) => start([...args, '--data-dir', dataDir]).ended;
  await writeFile(join(directory, 'large.bin'), someBytes(200_000));
  expect(await run('push', join(directory, 'large.bin'), '--session', 's')).toMatchObject({ code: 0 });
  return { directory, dataDir, run };
}

const remove = (...paths: string[]) =>
  Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })));

/** Ways of losing an index; each leaves the contents. */
const losses: Record<string, (dataDir: string) => Promise<unknown>> = {
  'is empty': async (dataDir) => {
    await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
    await mkdir(join(dataDir, 'index'));
  },
  'is missing': (dataDir) => remove(join(dataDir, 'index'), join(dataDir, 'index.mark')),
  'is missing with all but the contents': async (dataDir) => {
    for (const name of await readdir(dataDir)) if (name !== 'blobs') await remove(join(dataDir, name));
  },
  'holds what a start makes first': async (dataDir) => {
    await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
    await mkdir(join(dataDir, 'index'));
    for (const name of ['LOCK', 'LOG']) await writeFile(join(dataDir, 'index', name), '');
  },
  'has its files but no CURRENT, and no mark': async (dataDir) => {
    await remove(join(dataDir, 'index', 'CURRENT'), join(dataDir, 'index.mark'));
  },
  'is a new database': async (dataDir) => {
    await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
    await (await openLevelDatabase(join(dataDir, 'index'))).close();
  },
  'is empty, beside its mark': async (dataDir) => {
    await remove(join(dataDir, 'index'));
    await mkdir(join(dataDir, 'index'));
  },
  'is missing, beside its mark': (dataDir) => remove(join(dataDir, 'index')),
};

describe('a store whose index', () => {
  it.for(Object.keys(losses))(
    '%s is in recovery, and keeps its contents',
    { timeout: 60_000 },
    async (how) => {
      const { directory, dataDir, run } = await filled();
      const blobs = await readdir(join(dataDir, 'blobs'));
      const file = join(directory, 'index.export');
      expect(await run('export', file)).toMatchObject({ code: 0 });
      await losses[how]!(dataDir);
      const found = await run('ls', 's');
      expect(found).toMatchObject({ code: 4, stderr: expect.stringMatching(/\(STORE_IN_RECOVERY\)/) });
      expect(found.stderr).toMatch(/the index is lost|CURRENT is missing/);
      // No start has made a store of it.
      expect(await readdir(join(dataDir, 'blobs'))).toEqual(blobs);
      const imported = await run('import', file);
      const keeps = how.includes('its');
      expect(imported).toMatchObject({ code: keeps ? 1 : 0 });
      if (keeps) expect(await run('import', file, '--replace')).toMatchObject({ code: 0 });
      expect(await run('pull', 's', '--to', join(directory, 'pulled'))).toMatchObject({ code: 0 });
      const pulled = await readFile(join(directory, 'pulled', 'large.bin'));
      expect(pulled.equals(await readFile(join(directory, 'large.bin')))).toBe(true);
    },
  );

  it('is missing is not served', async () => {
    const { dataDir } = await filled();
    await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
    const server = startServe(dataDir);
    await expect.poll(() => server.lines.at(-1)?.msg, { timeout: 15_000 }).toBe('in recovery');
    expect(server.lines.at(-1)).toMatchObject({ recovery: expect.stringContaining('the index is lost') });
  });

  it('is missing is served empty once the loss is accepted, and its contents wait for an operator', async () => {
    const { dataDir, run } = await filled();
    await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
    const files = async () =>
      (await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true })).filter((entry) =>
        entry.isFile(),
      ).length;
    const before = await files();
    const id = /^lost +([0-9a-f]{16}) /m.exec((await run('fsck')).stdout)![1]!;
    const accepted = await run('fsck', '--accept-loss', id);
    expect(accepted).toMatchObject({ code: 0, stdout: expect.stringMatching(/^paused +inconsistent-/m) });
    expect(await run('ls', 's')).toMatchObject({ code: 3 });
    expect(await files()).toBe(before);
  });
});

it('a directory that has all of an empty store but its index starts at once', async () => {
  const dataDir = join(await newDirectory(), 'data');
  const run = (...args: string[]) => start([...args, '--data-dir', dataDir]).ended;
  expect(await run('session', 'ls')).toMatchObject({ code: 0 });
  await remove(join(dataDir, 'index'), join(dataDir, 'index.mark'));
  expect(await run('session', 'ls')).toMatchObject({ code: 0, stdout: '' });
});
