/** The lock of a directory, beside others of its kind and beside LevelDB's, which earlier versions took. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { takeLock } from '../../../src/index/leveldb/lock.ts';
import { SmallDisk, whyNoSmallDisk } from '../../faults/disk/small-disk.ts';

const taken = { reason: 'STORE_UNAVAILABLE', metadata: { lock: 'held' } };

async function directory(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-lock-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return join(root, 'lock');
}

function childArgs(what: 'lock' | 'database', path: string): string[] {
  return [join(import.meta.dirname, 'lock-child.ts'), what, path];
}

interface Owner {
  /** What it said when it had it. */
  readonly said: string;
  kill(): Promise<void>;
}

/** A process that has the lock, or a database of LevelDB's, until it is killed. */
async function ownerOf(what: 'lock' | 'database', path: string, ...more: readonly string[]): Promise<Owner> {
  const child = spawn(process.execPath, [...childArgs(what, path), ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    said,
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
  await expect(takeLock(path)).rejects.toMatchObject(taken);
  await first[Symbol.asyncDispose]();
  const other = await ownerOf('lock', path);
  await expect(takeLock(path)).rejects.toMatchObject(taken);
  await other.kill();
  await using _again = await takeLock(path);
  expect(await readdir(path)).toEqual(['LOCK']);
});

test('a failed attempt in the same process does not drop it', async () => {
  const path = await directory();
  await using _lock = await takeLock(path);
  await expect(takeLock(path)).rejects.toMatchObject(taken);
  const child = spawn(process.execPath, childArgs('lock', path));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
});

test('of many who ask at the same time exactly one gets it, every time', async () => {
  const path = await directory();
  await mkdir(path);
  for (let round = 0; round < 3; round++) {
    const children = Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, [...childArgs('lock', path), 'told'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return { child, ended: once(child, 'close'), line: async () => (await lines.next()).value as string };
    });
    expect(new Set(await Promise.all(children.map(({ line }) => line())))).toEqual(new Set(['waits']));
    for (const { child } of children) child.stdin.write('go\n');
    const said = await Promise.all(children.map(({ line }) => line()));
    expect(said.filter((each) => each.startsWith('taken'))).toHaveLength(1);
    expect(said.filter((each) => each.includes('another process has'))).toHaveLength(5);
    for (const { child, ended } of children) {
      child.kill('SIGKILL');
      await ended;
    }
  }
});

test('a child of the process that had it, and has ended, does not have it', async () => {
  const path = await directory();
  const parent = await ownerOf('lock', path, 'with-child');
  const childId = Number(parent.said.split(' ')[1]);
  onTestFinished(() => void process.kill(childId, 'SIGKILL'));
  await expect(takeLock(path)).rejects.toMatchObject(taken);
  await parent.kill();
  await using _lock = await takeLock(path);
  expect(process.kill(childId, 0)).toBe(true);
});

test('whoever forgets it has it all the same', async () => {
  const path = await directory();
  const lock = new WeakRef(await takeLock(path));
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  const collect = (await import('node:vm')).runInNewContext('gc') as () => void;
  for (let round = 0; round < 5 && lock.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const child = spawn(process.execPath, childArgs('lock', path));
  expect(await once(child, 'close')).toEqual([1, null]);
});

test.skipIf(process.getuid?.() !== 0)(
  'a file that may only be read gives no lock, and says why',
  async () => {
    const path = await directory();
    await mkdir(path);
    await writeFile(join(path, 'LOCK'), '');
    await Promise.all([chmod(dirname(path), 0o755), chmod(path, 0o755), chmod(join(path, 'LOCK'), 0o644)]);
    const child = spawn(process.execPath, childArgs('lock', path), { uid: 65_534, gid: 65_534 });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    expect(line).toContain('the lock cannot be taken');
    expect(line).toContain('permission is denied');
    child.kill('SIGKILL');
  },
);

test('an earlier version, which has a database of LevelDB there, is kept out and keeps out', async () => {
  const path = await directory();
  const earlier = await ownerOf('database', path);
  await expect(takeLock(path)).rejects.toMatchObject(taken);
  await earlier.kill();
  const lock = await takeLock(path);
  const child = spawn(process.execPath, childArgs('database', path));
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
