/** The contract of `export-files.ts`, over all implementations, and what is true of files alone. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { diskExports, diskSegments, exportWarnings } from '../../src/blobs/disk-exports.ts';
import { exportName, exportNameTime, isExportName } from '../../src/blobs/export-files.ts';
import { openGcsBlobs } from '../../src/blobs/gcs/blobs.ts';
import { memoryExports } from '../../src/blobs/memory-exports.ts';
import { FakeGcs } from '../support/gcs/server.ts';

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-exports-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function newBucketExports() {
  const fake = await FakeGcs.open();
  const blobs = await openGcsBlobs({ address: { bucket: 'bucket', prefix: 'a' }, endpoint: fake.endpoint });
  onTestFinished(async () => {
    blobs[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });
  return blobs.exports();
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function* broken() {
  yield Buffer.from('some');
  throw new Error('the bytes ended');
}

const [first, second] = ['2026-01-31T02-00-00Z.index', '2026-01-31T03-00-00Z.index'];

for (const [kind, open] of [
  ['memory', async () => memoryExports()],
  ['disk', async () => diskExports(await newDirectory())],
  ['bucket', newBucketExports],
] as const)
  describe(`exports, ${kind}`, () => {
    it('are whole, listed by name, read in pieces, and removed', async () => {
      const files = await open();
      expect(await files.list()).toEqual([]);
      let seen: readonly unknown[] | undefined;
      const size = await files.write(second, 'a1', pieces('hello', '', ' there'), async () => {
        seen = await files.list();
      });
      expect(size).toBe(11);
      expect(seen).toEqual([]);
      await files.write(first, 'a1', pieces());
      expect(await files.list()).toEqual([
        { name: first, sizeBytes: 0 },
        { name: second, sizeBytes: 11 },
      ]);
      const text = async (offset: number, length: number) =>
        Buffer.from(await files.read(second, offset, length)).toString();
      expect(await text(0, 100)).toBe('hello there');
      expect(await text(6, 2)).toBe('th');
      expect(await text(11, 5)).toBe('');
      await files.remove(first);
      await files.remove(first);
      expect(await files.list()).toEqual([{ name: second, sizeBytes: 11 }]);
      expect(await files.removeStale('a1')).toBe(0);
      await expect(files.read(first, 0, 1)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    });

    it('are not there when their writing fails, and never replaced', async () => {
      const files = await open();
      await expect(files.write(first, 'a1', broken())).rejects.toThrow('the bytes ended');
      const failing = files.write(first, 'a1', pieces('x'), () => Promise.reject(new Error('stopped')));
      await expect(failing).rejects.toThrow('stopped');
      expect(await files.list()).toEqual([]);
      await files.write(first, 'a1', pieces('old'));
      await expect(files.write(first, 'b2', pieces('new'))).rejects.toMatchObject({
        reason: 'STORE_UNAVAILABLE',
      });
      expect(Buffer.from(await files.read(first, 0, 9)).toString()).toBe('old');
    });
  });

describe('exports on disk', () => {
  it('are written by two processes at once under one name: one of them is kept, whole', async () => {
    const root = await newDirectory();
    const [one, other] = [diskExports(root), diskExports(root)];
    const isWritten = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slow = one.write(first, 'a1', pieces('slow'), () => {
      isWritten.resolve();
      return goOn.promise;
    });
    await isWritten.promise;
    await other.write(first, 'a1', pieces('fast'));
    goOn.resolve();
    await expect(slow).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(Buffer.from(await one.read(first, 0, 9)).toString()).toBe('fast');
    expect(await readdir(join(root, 'exports'))).toEqual([first]);
  });

  it('are open to their owner alone, and nothing else is touched', async () => {
    const root = join(await newDirectory(), 'not', 'there');
    const files = diskExports(root);
    await files.write(first, 'a1', pieces('x'));
    const directory = join(root, 'exports');
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, first))).mode & 0o777).toBe(0o600);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await mkdir(join(directory, second));
    await symlink('/etc/hostname', join(directory, 'latest'));
    expect(await files.list()).toEqual([{ name: first, sizeBytes: 1 }]);
    await writeFile(join(directory, `.${second}.a1.part`), 'half');
    await writeFile(join(directory, `.${second}.b2.part`), 'another’s');
    expect(await files.removeStale('a1')).toBe(1);
    expect((await readdir(directory)).sort()).toEqual(
      [first, second, `.${second}.b2.part`, 'latest', 'notes.txt'].sort(),
    );
    expect(await readFile(join(directory, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('are written once, also by processes that write the same name at the same time', async () => {
    const root = await newDirectory();
    const name = '000000000011.a1.segment';
    const tries = ['b2', 'c3', 'd4', 'e5'].map((owner) =>
      diskSegments(root).write(name, owner, pieces(owner)),
    );
    const ended = await Promise.allSettled(tries);
    const [won, ...others] = ended.filter(({ status }) => status === 'fulfilled');
    expect([won?.status, others]).toEqual(['fulfilled', []]);
    for (const { status, ...rest } of ended)
      if (status === 'rejected') expect(rest).toMatchObject({ reason: { reason: 'STORE_UNAVAILABLE' } });
    expect(await readdir(join(root, 'segments'))).toEqual([name]);
    const winner = ['b2', 'c3', 'd4', 'e5'][ended.findIndex(({ status }) => status === 'fulfilled')];
    expect(await readFile(join(root, 'segments', name), 'utf8')).toBe(winner);
    expect(await diskSegments(root).list()).toEqual([{ name, sizeBytes: 2 }]);
    expect(await diskExports(root).list()).toEqual([]);
  });

  it('name no path in failures', async () => {
    const root = await newDirectory();
    await writeFile(join(root, 'exports'), 'a file');
    const files = diskExports(root);
    for (const work of [
      () => files.list(),
      () => files.write(first, 'a1', pieces('x')),
      () => files.removeStale('a1'),
    ]) {
      const error = await (work() as Promise<unknown>).then(
        () => undefined,
        (thrown: { reason: string; message: string }) => thrown,
      );
      expect(error).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
      expect(error!.message).not.toContain(root);
    }
  });

  it('are warned of where they share a file system with the data, or cannot be written', async () => {
    const root = await newDirectory();
    expect(await exportWarnings(root, join(root, 'data', 'below'))).toEqual([
      expect.stringContaining('same file system'),
    ]);
    expect(await exportWarnings(join(dirname(import.meta.filename), 'exports.test.ts'), root)).toEqual([
      expect.stringContaining('cannot be used'),
    ]);
    // Another file system than that of temporary files, where there is one.
    const apart = await exportWarnings(root, '/proc').catch(() => undefined);
    if (process.platform === 'linux') expect(apart).toEqual([]);
  });
});

it('names say when', () => {
  const time = Date.parse('2026-01-31T02:03:04.567Z');
  expect(exportName(time)).toBe('2026-01-31T02-03-04Z.index');
  expect(exportNameTime(exportName(time))).toBe(time - 567);
  for (const name of [
    'x',
    '2026-01-31T02-03-04Z.index.part',
    '.2026-01-31T02-03-04Z.index',
    '../2026-01-31T02-03-04Z.index',
  ])
    expect(isExportName(name)).toBe(false);
});
