import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, blockBytes } from '../../src/blobs/blob-store.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { blobContract } from './contract.ts';
import {
  all,
  collect,
  content,
  expectSame,
  filesBelow,
  openBelow,
  publish,
  temporaryDirectory,
} from './support.ts';

blobContract('disk', async () => {
  const directory = await temporaryDirectory();
  return {
    blobs: await openDiskBlobs({ root: directory.path }),
    async [Symbol.asyncDispose]() {
      // Nothing that a test did may leave a descriptor or a staging file behind.
      const left = [...openBelow(directory.path), ...(await readdir(join(directory.path, 'tmp')))];
      await directory[Symbol.asyncDispose]();
      expect(left).toEqual([]);
    },
  };
});

const name = 'ns1/0a/upload-1';

describe('blobs on disk', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let root: string;
  let blobs: BlobStore;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    root = join(directory.path, 'a', 'b');
    blobs = await openDiskBlobs({ root });
    await blobs.prepareNamespace('ns1');
  });
  afterEach(() => directory[Symbol.asyncDispose]());

  it('makes all directories of a namespace beforehand, for the owner alone', async () => {
    const shards = await readdir(join(root, 'blobs', 'ns1'));
    expect(shards.length).toBe(256);
    const made = ['', 'tmp', 'blobs', 'blobs/ns1', 'blobs/ns1/00', 'blobs/ns1/ff'];
    for (const path of made) expect((await stat(join(root, path))).mode & 0o777, path).toBe(0o700);
  });

  it('stages in tmp and leaves one private file under the name', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(500_000));
    expect(await filesBelow(root)).toEqual(['tmp/ns1.0a.upload-1']);
    await staged.commit();
    expect(await filesBelow(root)).toEqual([`blobs/${name}`]);
    const file = await stat(join(root, 'blobs', name));
    expect(file.mode & 0o777).toBe(0o600);
    expect(file.nlink).toBe(1);
  });

  it('leaves no trace of an upload that was discarded, or whose commit failed', async () => {
    await using staged = await blobs.stage(name);
    await staged.write(content(500_000));
    await staged.discard();
    await using lost = await blobs.stage('unprepared/0a/u');
    await lost.write(content(500_000));
    await expect(lost.commit()).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      cause: { code: 'ENOENT' },
    });
    expect(blobs.stagedCount).toBe(1);
    expect(await filesBelow(root)).toEqual(['tmp/unprepared.0a.u']);
    await lost.discard();
    expect(await filesBelow(root)).toEqual([]);
    expect(openBelow(root)).toEqual([]);
  });

  it('finds everything again after a reopen, and makes directories that are missing', async () => {
    await publish(blobs, name, content(10));
    const again = await openDiskBlobs({ root });
    await again.prepareNamespace('ns1');
    expect(await all(again.list('ns1'))).toEqual([name]);
    await mkdir(join(root, 'blobs', 'ns2', '00'), { recursive: true }); // as a crash might leave it
    await again.prepareNamespace('ns2');
    await publish(again, 'ns2/01/u', content(10));
  });

  it('leaves and ignores files that are not its own', async () => {
    await writeFile(join(root, 'tmp', 'README'), '');
    await writeFile(join(root, 'blobs', 'ns1', '00', 'core.1234'), '');
    await mkdir(join(root, 'blobs', 'ns1', '00', 'directory'));
    expect(await blobs.removeStale()).toBe(0);
    expect(await all(blobs.list('ns1'))).toEqual([]);
    expect(await filesBelow(root)).toEqual(['blobs/ns1/00/core.1234', 'tmp/README']);
  });

  it('closes the file of a reader that stops, is aborted, or never begins', async () => {
    await publish(blobs, name, content(4 * blockBytes));
    for await (const _ of blobs.read(name, 0, 4 * blockBytes)) break;
    const controller = new AbortController();
    const pieces = blobs.read(name, 0, 4 * blockBytes, controller.signal)[Symbol.asyncIterator]();
    await pieces.next();
    expect(openBelow(root)).toEqual([join(root, 'blobs', name)]);
    controller.abort();
    await expect(pieces.next()).rejects.toThrow();
    blobs.read(name, 0, 1);
    expect(openBelow(root)).toEqual([]);
  });

  it('reads ahead for few of many readers that wait', async () => {
    const before = content(2 * blockBytes);
    await publish(blobs, name, before);
    const readers = Array.from({ length: 40 }, () =>
      blobs.read(name, 0, 2 * blockBytes)[Symbol.asyncIterator](),
    );
    for (const reader of readers) await reader.next();
    await writeFile(join(root, 'blobs', name), Buffer.alloc(2 * blockBytes));
    // What was not read ahead is what is there now.
    const seconds = await Promise.all(readers.map((reader) => reader.next()));
    const ahead = seconds.filter(({ value }) => !Buffer.alloc(blockBytes).equals(value!));
    expect(ahead.length).toBeLessThanOrEqual(16);
    for (const reader of readers) await reader.return?.();
  });

  it('refuses a call before the one before it has ended', async () => {
    await using staged = await blobs.stage(name);
    const first = staged.write(content(300_000));
    await expect(staged.write(content(1))).rejects.toThrow(/not awaited/);
    await first;
    await staged.commit();
    expectSame(await collect(blobs.read(name, 0, 300_000)), content(300_000));
  });

  it('tells other read errors from missing bytes', async () => {
    await mkdir(join(root, 'blobs', name));
    const expected = { reason: 'STORE_UNAVAILABLE', cause: { code: 'EISDIR' } };
    await expect(collect(blobs.read(name, 0, 1))).rejects.toMatchObject(expected);
    expect(openBelow(root)).toEqual([]);
  });

  it('tells missing bytes from a disk that is not there', async () => {
    await expect(collect(blobs.read(name, 0, 1))).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    const absent = { reason: 'STORE_UNAVAILABLE', message: expect.stringMatching(/is the disk mounted\?/) };
    for (const path of [join(root, 'blobs', 'ns1', '0a'), join(root, 'blobs')]) {
      await rename(path, join(root, 'away'));
      await expect(collect(blobs.read(name, 0, 1))).rejects.toMatchObject(absent);
      expect(await blobs.stat(name)).toBeUndefined();
      await rename(join(root, 'away'), path);
    }
    await publish(blobs, name, content(10));
    expectSame(await collect(blobs.read(name, 0, 10)), content(10));
  });

  it('says what is wrong with a root that is no directory', async () => {
    await writeFile(join(directory.path, 'file'), '');
    const opening = openDiskBlobs({ root: join(directory.path, 'file') });
    await expect(opening).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', cause: { code: 'EEXIST' } });
  });
});
