/** A full disk and directories on different mounts, for real: needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import {
  chunksOf,
  collect,
  content,
  expectSame,
  filesBelow,
  openBelow,
  publish,
  temporaryDirectory,
} from './support.ts';

const mib = 1024 * 1024;

/** Mounts at `path` until disposed. Undefined, with the reason printed, if that is not allowed. */
function mount(path: string, ...args: readonly string[]): Disposable | undefined {
  const done = spawnSync('mount', [...args, path], { encoding: 'utf8' });
  if (done.status !== 0) return undefined;
  return {
    [Symbol.dispose]: () => {
      const { status, stderr } = spawnSync('umount', ['-l', path], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`umount ${path}: ${stderr}`);
    },
  };
}

async function mayMount(): Promise<boolean> {
  await using directory = await temporaryDirectory();
  using mounted = mount(directory.path, '-t', 'tmpfs', 'tmpfs');
  return mounted !== undefined;
}

const able = await mayMount();
if (!able)
  console.warn('SKIPPED: full disks and separate mounts are not tested, for this user may not mount');

/** A small file system with a store on it. */
async function small(options: string) {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  stack.use(mount(path, '-t', 'tmpfs', '-o', options, 'tmpfs')!);
  const root = join(path, 'root');
  const blobs = await openDiskBlobs({ root });
  await blobs.prepareNamespace('ns1');
  const kept = stack.move();
  return { path, root, blobs, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

describe.skipIf(!able)('a full disk', () => {
  it.each([1000, 65_536, 300_000, mib, 3 * mib])(
    'refuses an upload in chunks of %i, keeps nothing, and recovers',
    async (chunkBytes) => {
      await using disk = await small('size=4m');
      const { blobs, root } = disk;
      const filler = join(disk.path, 'filler');
      await writeFile(filler, content(2 * mib));
      const bytes = content(3 * mib);

      const staged = await blobs.stage('ns1/0a/u1');
      const upload = async () => {
        for (const chunk of chunksOf(bytes, chunkBytes)) await staged.write(chunk);
        await staged.commit();
      };
      await expect(upload()).rejects.toMatchObject({ reason: 'STORAGE_FULL', cause: { code: 'ENOSPC' } });
      await expect(staged.write(content(1))).rejects.toThrow(/failed/);
      expect(await blobs.stat('ns1/0a/u1')).toBeUndefined();
      await staged.discard();
      expect(await filesBelow(root)).toEqual([]);
      expect(openBelow(root)).toEqual([]);
      expect(blobs.stagedCount).toBe(0);

      await publish(blobs, 'ns1/0a/u2', content(mib), chunkBytes); // a smaller one has room
      await rm(filler);
      await blobs.delete('ns1/0a/u2');
      await publish(blobs, 'ns1/0a/u3', bytes, chunkBytes);
      expectSame(await collect(blobs.read('ns1/0a/u3', 0, bytes.length)), bytes);
    },
  );

  it('refuses to begin an upload when there is no inode left, and opens all the same', async () => {
    await using disk = await small('size=4m,nr_inodes=300');
    const fillers = join(disk.path, 'fillers');
    await mkdir(fillers);
    const fill = async () => {
      for (let n = 0; ; n++) await writeFile(join(fillers, `${n}`), '');
    };
    await expect(fill()).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(disk.blobs.stage('ns1/0a/u')).rejects.toMatchObject({ reason: 'STORAGE_FULL' });
    await expect(disk.blobs.prepareNamespace('ns2')).rejects.toMatchObject({ reason: 'STORAGE_FULL' });
    expect(disk.blobs.stagedCount).toBe(0);
    const again = await openDiskBlobs({ root: disk.root });
    await rm(fillers, { recursive: true });
    await again.prepareNamespace('ns1');
    await publish(again, 'ns1/0a/u', content(10));
    await disk.blobs.stage('ns1/0a/u2').then((staged) => staged.discard());
  });
});

describe.skipIf(!able)('staging and blobs on different mounts', () => {
  it.each([
    ['another device', ['-t', 'tmpfs', 'tmpfs']],
    ['the same device', ['--bind', '.']],
  ])('refuses to open: %s', async (_, args) => {
    await using directory = await temporaryDirectory();
    const root = directory.path;
    await mkdir(join(root, 'blobs'));
    await mkdir(join(root, 'other'));
    using _mounted = mount(
      join(root, 'blobs'),
      ...args.map((arg) => (arg === '.' ? join(root, 'other') : arg)),
    )!;
    const expected = {
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('one file system'),
      cause: { code: 'EXDEV' },
    };
    await expect(openDiskBlobs({ root })).rejects.toMatchObject(expected);
    expect(await filesBelow(root)).toEqual([]);
  });
});
