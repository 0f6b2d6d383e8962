/** The lock of a directory, beside others of its kind and beside LevelDB's, which earlier versions took. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { takeLock } from '../../../src/index/leveldb/lock.ts';
import { SmallDisk, whyNoSmallDisk } from '../../faults/disk/small-disk.ts';

const held = { reason: 'STORE_UNAVAILABLE', metadata: { lock: 'held' } };

async function directory(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-lock-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return join(root, 'lock');
}

/** A process that has the lock, or a database of LevelDB's, until it is killed. */
async function holder(what: 'lock' | 'database', path: string): Promise<{ kill(): Promise<void> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), what, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(createInterface({ input: child.stdout }), 'line');
  return {
    kill: async () => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    },
  };
}

test('one at a time, in one process and over processes, until the one that has it has ended', async () => {
  const path = await directory();
  const first = await takeLock(path);
  await expect(takeLock(path)).rejects.toMatchObject(held);
  await first[Symbol.asyncDispose]();
  const other = await holder('lock', path);
  await expect(takeLock(path)).rejects.toMatchObject(held);
  await other.kill();
  await using _again = await takeLock(path);
  expect(await readdir(path)).toEqual(['LOCK']);
});

test('a failed attempt in the same process does not drop it', async () => {
  const path = await directory();
  await using _lock = await takeLock(path);
  await expect(takeLock(path)).rejects.toMatchObject(held);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), 'lock', path]);
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
});

test('an earlier version, which has a database of LevelDB there, is kept out and keeps out', async () => {
  const path = await directory();
  const earlier = await holder('database', path);
  await expect(takeLock(path)).rejects.toMatchObject(held);
  await earlier.kill();
  const lock = await takeLock(path);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), 'database', path]);
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  await lock[Symbol.asyncDispose]();
  // It is the database that it was.
  await (await openLevelDatabase(path)).close();
});

const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) console.warn(`skipped, a lock on a full disk: ${obstacle}`);
test.skipIf(obstacle !== undefined)('it takes no room', async () => {
  const path = await directory();
  using disk = new SmallDisk(path, 1024 * 1024);
  disk.fill(0);
  for (const name of ['new', 'new', 'other']) {
    await using _lock = await takeLock(join(path, name));
    expect((await stat(join(path, name, 'LOCK'))).size).toBe(0);
  }
});

test('what cannot be locked says why', async () => {
  const path = await directory();
  await mkdir(join(path, 'LOCK'), { recursive: true });
  await expect(takeLock(path)).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('the lock cannot be taken'),
    metadata: {},
  });
});
