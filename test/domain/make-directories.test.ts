import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories } from '../../src/domain/system/make-directories.ts';
import { removeDirectory } from '../support/directories.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'artifacta-make-'));
});
afterEach(() => removeDirectory(directory));

const files = { mkdir, stat };

describe('directories that are missing', () => {
  it('are made for their owner alone, and the topmost is told', async () => {
    const path = join(directory, 'a/b/c');
    expect(await makeDirectories(files, path)).toBe(join(directory, 'a'));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(await makeDirectories(files, path)).toBe(undefined);
    expect(await makeDirectories(files, join(path, 'd'))).toBe(join(path, 'd'));
  });

  it('are made below the working directory by a relative path', async () => {
    const path = relative(process.cwd(), join(directory, 'a/b'));
    expect(await makeDirectories(files, path)).toBe(relative(process.cwd(), join(directory, 'a')));
  });

  it('may be made by several at once', async () => {
    const path = join(directory, 'a/b/c');
    await Promise.all(Array.from({ length: 8 }, () => makeDirectories(files, path)));
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('cannot be made where there is something else', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(makeDirectories(files, join(directory, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeDirectories(files, join(directory, 'file/a/b'))).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
  });

  it('cannot be made where one that is there takes none', async () => {
    let tries = 0;
    const like = {
      stat,
      mkdir: async (path: string) => {
        tries++;
        const code = path === '/' || path === '/proc' ? 'EEXIST' : 'ENOENT';
        throw Object.assign(new Error(`${code}: mkdir '${path}'`), { code });
      },
    };
    await expect(makeDirectories({ ...like, stat: () => stat('/') }, '/proc/a/b')).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(tries).toBeLessThan(8);
  });
});

it('nothing of the program lets Node make them', async () => {
  const sources = (await readdir('src', { recursive: true })).filter((name) => name.endsWith('.ts'));
  expect(sources.length).toBeGreaterThan(200);
  const found = sources.filter((name) =>
    /mkdir(Sync)?\([^;]*recursive/.test(readFileSync(join('src', name), 'utf8')),
  );
  expect(found).toEqual([]);
});
