/** Directories and inputs that a command line cannot work with: each is told in a sentence, and nothing is half done. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keys } from '../../src/index/keys.ts';
import { openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import { formatVersion } from '../../src/store/format.ts';
import { SmallDisk, whyNoSmallDisk } from '../faults/disk/small-disk.ts';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { writeRows } from '../support/rows.ts';

const launcher = resolve(import.meta.dirname, '../../bin/artifacta');
const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) console.warn(`skipped, full disks and other devices: ${obstacle}`);

/** A file system that is unmounted when the test ends, before its directory is removed. */
function mounted(path: string, bytes: number): SmallDisk {
  const disk = new SmallDisk(path, bytes);
  onTestFinished(() => disk[Symbol.dispose]());
  return disk;
}

const list = (dataDir: string) => artifacta('session', 'ls', '--data-dir', dataDir);

describe('a data directory', () => {
  it.skipIf(obstacle !== undefined)('on a full disk is refused, and works once there is room', async () => {
    const disk = mounted(join(await newDirectory(), 'disk'), 4 * 1024 * 1024);
    disk.fill(0);
    const { code, stderr } = await list(join(disk.path, 'data'));
    expect(code).toBe(4);
    expect(stderr).toMatch(/^artifacta: .*(no space|No space|ENOSPC)/m);
    disk.free();
    expect(await list(join(disk.path, 'data'))).toMatchObject({ code: 0 });
  });

  it.skipIf(obstacle !== undefined)('whose `tmp` is on another device is refused', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await list(dataDir);
    mounted(join(dataDir, 'tmp'), 1024 * 1024);
    const { code, stderr } = await list(dataDir);
    expect(code).toBe(4);
    expect(stderr).toMatch(/must be on one file system, in one mount\n$/);
  });

  it('of a newer format is refused', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await list(dataDir);
    const index = await openLevelIndex({
      directory: join(dataDir, 'index'),
      markPath: join(dataDir, 'index.mark'),
    });
    const newer = keys.store.setting.put(['format'], formatVersion + 1);
    await writeRows(index, [newer]);
    await index.close();
    expect(await list(dataDir)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(
        `the store has format ${formatVersion + 1}; this version reads 1 and ${formatVersion}`,
      ),
    });
  });

  const isRoot = process.getuid?.() === 0;
  if (!isRoot) console.warn('not root: a directory that may not be written is tried as the same user');
  it('that may not be written is refused', async () => {
    const directory = await newDirectory();
    await chmod(directory, 0o755);
    const dataDir = join(directory, 'data');
    await mkdir(dataDir);
    if (isRoot) await chown(dataDir, 65_534, 65_534);
    await chmod(dataDir, 0o555);
    const env = { ...process.env, HOME: directory, XDG_CACHE_HOME: join(directory, 'cache') };
    const options = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const { status, stderr } = spawnSync(launcher, ['session', 'ls', '--data-dir', dataDir], {
      encoding: 'utf8',
      env,
      ...options,
    });
    expect({ status, stderr }).toEqual({
      status: 4,
      stderr: expect.stringMatching(/permission denied|Permission denied|EACCES/),
    });
    await chmod(dataDir, 0o755);
    expect(await readdir(dataDir)).toEqual([]);
  });
});

describe('standard input', () => {
  it('that never ends is refused at the limit, and leaves nothing', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await list(dataDir);
    const env = { ...process.env, ARTIFACTA_ARTIFACT_BYTES_MAX: String(40 * 1024 * 1024) };
    const child = spawn(
      'sh',
      ['-c', 'yes | "$0" push - --session s --name endless --data-dir "$1"', launcher, dataDir],
      { env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('ARTIFACT_TOO_LARGE') });
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
    expect(await artifacta('session', 'ls', '--data-dir', dataDir)).toMatchObject({ code: 0, stdout: '' });
  });
});

it('a file that vanishes before it is read is told, and the others are pushed', async () => {
  const directory = await newDirectory();
  const dataDir = join(directory, 'data');
  for (const name of ['a', 'b', 'c']) await writeFile(join(directory, name), name);
  await rm(join(directory, 'b'));
  const paths = ['a', 'b', 'c'].map((name) => join(directory, name));
  const { code, stderr } = await artifacta('push', ...paths, '--session', 's', '--data-dir', dataDir);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/\/b: it does not exist/);
});
