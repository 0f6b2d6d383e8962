/** What happens when this process drops its own lock, as by opening and closing its file. */
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { takeLock } from '../../../src/index/leveldb/lock.ts';
import { LockWatch } from '../../../src/index/leveldb/lock-watch.ts';
import { newDirectory } from '../../support/command.ts';
import { look, ManualTimer, put, write } from '../support.ts';

const lockLost = {
  reason: 'STORE_UNAVAILABLE',
  message: expect.stringContaining('has lost its lock'),
  metadata: { lock: 'lost' },
};

/** @param listPath of something in the place of `/proc/locks`. */
async function watched(options: { readonly beforeBatches: boolean; readonly listPath?: string }) {
  const root = await newDirectory();
  const timer = new ManualTimer();
  const told: string[] = [];
  const debugged: string[] = [];
  const locks = new LockWatch({
    ...options,
    after: timer.after,
    onLost: ({ message }) => told.push(message),
    debug: (message) => debugged.push(message),
  });
  const places = { directory: join(root, 'index'), markPath: join(root, 'mark') };
  const lock = await takeLock(join(root, 'lock'), locks);
  const index = await openLevelIndex({ ...places, locks, after: timer.after });
  onTestFinished(async () => {
    await index.close();
    await lock[Symbol.asyncDispose]();
  });
  return { root, ...places, timer, told, debugged, locks, lock, index };
}

function openAndClose(path: string): void {
  closeSync(openSync(path, 'r'));
}

describe.runIf(process.platform === 'linux')('a lock that this process drops', () => {
  it.each(['index', 'lock'])('%s: the next batch is refused, and all after it', async (name) => {
    const { root, directory, markPath, index, told } = await watched({ beforeBatches: true });
    await write(index, [put('a', '1')]);
    openAndClose(join(root, name, 'LOCK'));
    await expect(write(index, [put('a', '2')])).rejects.toMatchObject(lockLost);
    await expect(write(index, [put('a', '3')])).rejects.toMatchObject(lockLost);
    await expect(look(index, 'a')).rejects.toMatchObject(lockLost);
    expect(told).toEqual([expect.stringContaining(join(root, name, 'LOCK'))]);
    expect(index.stats).toMatchObject({ batches: 1, reopens: 0 });
    await index.close();
    // Nor is the mark written, which may be another process's by now.
    await expect(readFile(markPath)).rejects.toMatchObject({ code: 'ENOENT' });
    const next = await openLevelIndex({ directory, markPath, after: new ManualTimer().after });
    expect(await look(next, 'a')).toBe('1');
    await next.close();
  });

  it('is noticed within a second where nothing is written', async () => {
    const { directory, index, timer, told, locks } = await watched({ beforeBatches: false });
    await write(index, [put('a', '1')]);
    openAndClose(join(directory, 'LOCK'));
    timer.fire();
    await expect.poll(() => told).toHaveLength(1);
    expect(locks.isLost).toBe(true);
    await expect(write(index, [put('a', '2')])).rejects.toMatchObject(lockLost);
    expect(timer.pending).toBe(0);
  });
});

describe('a lock that this process has', () => {
  it('is looked for again and again, until it is let go of', async () => {
    const { index, lock, timer, told } = await watched({ beforeBatches: true });
    for (let round = 0; round < 3; round++) {
      timer.fire();
      await write(index, [put('a', String(round))]);
    }
    await index.close();
    await lock[Symbol.asyncDispose]();
    timer.fire();
    await expect.poll(() => timer.pending).toBe(0);
    expect(told).toEqual([]);
  });

  it.each([
    ['is not listed', '1: POSIX  ADVISORY  WRITE 1 00:00:1 0 EOF\n'],
    ['cannot be looked for', undefined],
  ])('and %s is not watched', async (_name, list) => {
    const listPath = join(await newDirectory(), 'locks');
    if (list !== undefined) await writeFile(listPath, list);
    const { directory, index, told, debugged } = await watched({ beforeBatches: true, listPath });
    openAndClose(join(directory, 'LOCK'));
    await write(index, [put('a', '1')]);
    expect(told).toEqual([]);
    expect(debugged).toHaveLength(2);
    expect(debugged[1]).toContain(`cannot watch the lock ${join(directory, 'LOCK')}`);
  });
});
