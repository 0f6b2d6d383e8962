/** Exports that are interrupted: by SIGKILL at each of their steps, and by a disk that is full. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sizeDelimitedDecodeStream } from '@bufbuild/protobuf/wire';
import { expect, it, onTestFinished } from 'vitest';
import { IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { fromPartMessage } from '../../../src/api/admin/index-parts.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { removeDirectory } from '../../support/directories.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { target, tester } from '../../support/specs.ts';
import { BucketProcess } from '../bucket/bucket-process.ts';
import { SmallDisk, whyNoSmallDisk } from '../disk/small-disk.ts';

const child = join(import.meta.dirname, 'export-child.ts');

interface Ended {
  readonly signal: string | null;
  readonly said: { readonly reason?: string; readonly removed?: number; readonly path?: string } | undefined;
}

async function place(exportDir?: string) {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-exports-'));
  onTestFinished(() => removeDirectory(home));
  const to = exportDir ?? join(home, 'elsewhere');
  const run = (keep: number, name: string, step = ''): Ended => {
    const { signal, stdout, stderr } = spawnSync(
      process.execPath,
      [child, join(home, 'data'), to, String(keep), name, step],
      { encoding: 'utf8', timeout: 60_000 },
    );
    expect(stderr).toBe('');
    return { signal, said: stdout === '' ? undefined : JSON.parse(stdout) };
  };
  return { home, directory: join(to, 'exports'), run };
}

/** The names pushed before an export, of all that can be seen in a restored store. */
async function restored(file: string | Buffer, names: readonly string[]): Promise<string[]> {
  await using host = await StoreHost.open({
    home: new MemoryHome(),
    open: (index) => openCheckedStore({ index, blobs: openMemoryBlobs() }),
    warn: () => undefined,
  });
  async function* parts() {
    async function* bytes() {
      yield typeof file === 'string' ? await readFile(file) : file;
    }
    for await (const part of sizeDelimitedDecodeStream(IndexPartSchema, bytes())) yield fromPartMessage(part);
  }
  await host.importIndex(parts(), false);
  const found: string[] = [];
  for (const name of names)
    await host.store.artifacts.get(tester, target('s', name)).then(
      () => found.push(name),
      () => undefined,
    );
  return found;
}

it('killed at any step, there is the old one or the new one, whole, and the next call tidies up', {
  timeout: 120_000,
}, async () => {
  const { directory, run } = await place();
  expect(run(1, 'a').said).toMatchObject({ written: true });
  const names = async () => (await readdir(directory)).sort();
  const whole = async () => (await names()).filter((name) => !name.startsWith('.'));
  const [first] = await whole();

  expect(run(1, 'b', 'export.written').signal).toBe('SIGKILL');
  expect(await whole()).toEqual([first]);
  expect(await names()).toHaveLength(2);
  expect(await restored(join(directory, first!), ['a', 'b'])).toEqual(['a']);

  expect(run(1, 'c', 'export.published').signal).toBe('SIGKILL');
  // What the kill before has left is gone.
  expect(await names()).toEqual(await whole());
  const [, second] = await whole();
  expect(await whole()).toEqual([first, second]);
  expect(await restored(join(directory, second!), ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);

  expect(run(1, 'd', 'export.trimmed').signal).toBe('SIGKILL');
  const [third, ...others] = await names();
  expect(others).toEqual([]);
  expect(await restored(join(directory, third!), ['a', 'd'])).toEqual(['a', 'd']);
  expect(run(1, 'e').said).toMatchObject({ written: true, removed: 1 });
  expect(await names()).toHaveLength(1);
});

it('the same in a bucket, where nothing is half and nothing needs tidying', {
  timeout: 240_000,
}, async () => {
  await using bucket = await BucketProcess.start();
  const { run } = await place(bucket.endpoint);
  const whole = () => bucket.names('place/exports/');
  const shows = async (name: string, pushed: readonly string[]) =>
    await restored(await bucket.bytes(name), pushed);
  expect(run(1, 'a').said).toMatchObject({ written: true });
  const [first] = await whole();

  expect(run(1, 'b', 'export.written').signal).toBe('SIGKILL');
  expect(await whole()).toEqual([first]);

  expect(run(1, 'c', 'export.published').signal).toBe('SIGKILL');
  const [, second] = await whole();
  expect(await whole()).toEqual([first, second]);
  expect(await shows(first!, ['a', 'b'])).toEqual(['a']);
  expect(await shows(second!, ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);

  expect(run(1, 'd', 'export.trimmed').signal).toBe('SIGKILL');
  const [third, ...others] = await whole();
  expect(others).toEqual([]);
  expect(await shows(third!, ['a', 'd'])).toEqual(['a', 'd']);
  expect(run(1, 'e').said).toMatchObject({ written: true, removed: 1 });
  expect(await whole()).toHaveLength(1);
});

const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) console.warn(`skipped, exports on a full disk: ${obstacle}`);

it('a full disk is answered with STORAGE_FULL, leaves nothing half, and is written to when it is free', {
  timeout: 120_000,
  skip: obstacle !== undefined,
}, async () => {
  const { home } = await place();
  using disk = new SmallDisk(join(home, 'small'), 1024 * 1024);
  const { directory, run } = await place(disk.path);
  expect(run(1, 'a').said).toMatchObject({ written: true });
  const before = await readdir(directory);
  disk.fill(16 * 1024);
  expect(run(1, 'b').said).toEqual({ reason: 'STORAGE_FULL' });
  expect(await readdir(directory)).toEqual(before);
  disk.free();
  await writeFile(join(directory, 'notes.txt'), 'not ours');
  expect(run(1, 'c').said).toMatchObject({ written: true, removed: 1 });
  const [after, ...others] = (await readdir(directory)).sort();
  expect(others).toEqual(['notes.txt']);
  expect(await restored(join(directory, after!), ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
});
