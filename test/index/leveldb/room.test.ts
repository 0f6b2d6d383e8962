/** A disk without room under a real LevelDB: what it still reads, what an opening writes, and what is kept back. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import {
  type LevelIndexOptions,
  openLevelDatabase,
  openLevelIndex,
} from '../../../src/index/leveldb/leveldb.ts';
import { openingBytes } from '../../../src/index/leveldb/probe.ts';
import { SmallDisk, whyNoSmallDisk } from '../../faults/disk/small-disk.ts';
import { del, increment, key, look, ManualTimer, rowsOf, turns, write } from '../support.ts';

const MiB = 1024 * 1024;

async function temporary(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-room-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

async function sizes(directory: string): Promise<Map<string, number>> {
  const names = await readdir(directory);
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, number]> => [name, (await stat(join(directory, name))).size]),
    ),
  );
}

describe('an opening', () => {
  // Keys without common beginnings and values that cannot be compressed.
  const shapes = [
    [8, 1],
    [8, 20],
    [40, 100],
    [20, 3_000],
    [20, 200_000],
  ] as const;
  test.each(shapes)('writes no more than is probed: keys of %d, values of %d bytes', async (k, v) => {
    const directory = join(await temporary(), 'database');
    const database = await openLevelDatabase(directory);
    for (let batch = 0; batch < 20; batch++)
      await database.batch(
        Array.from({ length: Math.min(5_000, Math.ceil(MiB / 2 / (k + v))) }, () => ({
          type: 'put' as const,
          key: randomBytes(k),
          value: randomBytes(v),
        })),
      );
    await database.close();
    const before = await sizes(directory);
    const probed = await openingBytes(directory);
    await (await openLevelDatabase(directory)).close();
    let written = 0;
    for (const [name, size] of await sizes(directory)) if (!before.has(name)) written += size;
    expect(written).toBeGreaterThan(10_000);
    expect(written).toBeLessThan(probed);
  });
});

interface Full {
  readonly index: Index;
  readonly disk: SmallDisk;
  readonly timer: ManualTimer;
  readonly warnings: string[];
  readonly directory: string;
  reopen(): Promise<Index>;
}

/** An index of 1 MiB of rows on a disk of 64 MiB. */
async function onSmallDisk({
  files,
  ...options
}: Partial<LevelIndexOptions> & { readonly files?: number }): Promise<Full> {
  const root = await temporary();
  const disk = new SmallDisk(join(root, 'disk'), 64 * MiB, files);
  const timer = new ManualTimer();
  const warnings: string[] = [];
  const directory = join(disk.path, 'index');
  const open = () =>
    openLevelIndex({
      directory,
      markPath: join(disk.path, 'mark'),
      after: timer.after,
      warn: (message) => warnings.push(message),
      ...options,
    });
  const opened = [await open()];
  onTestFinished(async () => {
    for (const each of opened) await each.close();
    disk[Symbol.dispose]();
  });
  for (let at = 0; at < 256; at++) await write(opened[0]!, [row(at)]);
  const reopen = async () => {
    for (const each of opened) await each.close();
    opened.push(await open());
    return opened.at(-1)!;
  };
  return { index: opened[0]!, disk, timer, warnings, directory, reopen };
}

const row = (at: number) => ({ type: 'put' as const, key: key(`row${at}`), value: randomBytes(4_096) });

/** Writes until there is no room. @returns how many rows there are then. */
async function writeUntilFull(index: Index): Promise<number> {
  for (let at = 256; ; at++) {
    try {
      await write(index, [row(at), { ...row(at), key: key(`second${at}`) }]);
    } catch {
      return at;
    }
  }
}

const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) console.warn(`skipped, an index without room: ${obstacle}`);
describe.skipIf(obstacle !== undefined)('a disk that somebody else has filled', () => {
  test('everything acknowledged is read, nothing else, until there is room; then it is written again', async () => {
    let tries = 0;
    const { index, disk, timer } = await onSmallDisk({ onTrouble: () => tries++ });
    disk.fill(0);
    const rows = await writeUntilFull(index);
    while (index.trouble === undefined || !index.trouble.includes('full')) await turns(1);
    for (let round = 0; round < 3; round++) {
      const found = await rowsOf(index);
      expect(found.filter(([name]) => name.startsWith('row'))).toHaveLength(rows);
      expect(found.filter(([name]) => name.startsWith('second'))).toHaveLength(rows - 256);
      expect(await index.get(key(`row${rows}`))).toBeUndefined();
      await expect(write(index, [del('row1')])).rejects.toMatchObject({
        message: 'cannot write: the disk is full; the index serves only reads until it can be written again',
      });
      const before = tries;
      timer.fire();
      while (tries === before) await turns(1);
    }
    expect(index.epoch).toBe(1);
    disk.free();
    timer.fire();
    await index.nextEpoch();
    expect(await increment(index, 'counter')).toBe(1);
    expect((await rowsOf(index)).filter(([name]) => name.startsWith('row')).length).toBeGreaterThanOrEqual(
      rows,
    );
  });

  test('what is kept back lets deletions go on, and is kept back again when there is room', async () => {
    const { index, disk, timer, warnings, directory } = await onSmallDisk({ ballastBytesMax: 8 * MiB });
    while (!(await sizes(directory)).has('ballast')) await turns(1);
    await untilAbove(directory, 3_900_000);
    disk.fill(0);
    const rows = await writeUntilFull(index);
    for (let at = 0; at < rows; at++) await write(index, [del(`row${at}`)]).catch(() => undefined);
    expect((await rowsOf(index)).filter(([name]) => name.startsWith('row')).length).toBeLessThanOrEqual(1);
    expect(warnings.join('\n')).toContain('that were reserved for it');
    expect((await sizes(directory)).has('ballast')).toBe(false);
    disk.free();
    timer.fire();
    await untilAbove(directory, 3_900_000);
  });

  test('a start has what is kept back', async () => {
    const { index, disk, directory, reopen } = await onSmallDisk({ ballastBytesMax: 8 * MiB });
    await untilAbove(directory, 3_900_000);
    disk.fill(0);
    await index.close();
    const again = await reopen();
    expect(await look(again, 'absent')).toBeUndefined();
    expect((await rowsOf(again)).length).toBe(256);
  });

  test('a start and a deletion have what is kept back of files, where there is room for no more', async () => {
    const { disk, directory, reopen } = await onSmallDisk({ ballastBytesMax: 8 * MiB, files: 200 });
    await untilAbove(directory, 3_900_000);
    disk.fillWithFiles();
    const again = await reopen();
    expect(again.trouble).toBeUndefined();
    for (let at = 0; at < 3; at++) await write(again, [del(`row${at}`)]);
    expect((await rowsOf(again)).length).toBe(253);
  });

  test('a start without any serves reads from elsewhere, says so, and goes on when there is room', async () => {
    const place = await temporary();
    const { disk, reopen, timer, warnings } = await onSmallDisk({ shadowPlaces: ['/nowhere', place] });
    disk.fill(0);
    const again = await reopen();
    expect(again.trouble).toBe(
      'cannot write: the disk is full; the index serves only reads until it can be written again',
    );
    expect(warnings.join('\n')).toContain('serves only reads');
    expect((await rowsOf(again)).length).toBe(256);
    await expect(increment(again, 'counter')).rejects.toMatchObject({ message: again.trouble });
    expect(await readdir(place)).toHaveLength(1);
    disk.free();
    timer.fire();
    await again.nextEpoch();
    expect(await increment(again, 'counter')).toBe(1);
    expect((await rowsOf(again)).length).toBe(257);
    expect(await readdir(place)).toEqual([]);
  });

  test('a table that a compaction has not finished is no damage to a start that reads alone', async () => {
    const { directory, disk, index, reopen } = await onSmallDisk({ shadowPlaces: [await temporary()] });
    await index.close();
    await writeFile(join(directory, '000999.ldb'), randomBytes(10_000));
    disk.fill(0);
    const before = await sizes(directory);
    const again = await reopen();
    expect(again.trouble).toContain('the disk is full');
    expect((await rowsOf(again)).length).toBe(256);
    await again.close();
    // Nor is anything changed by who only reads, but for what LevelDB says of its attempts.
    const after = await sizes(directory);
    for (const name of ['LOG', 'LOG.old']) for (const each of [before, after]) each.delete(name);
    expect(after).toEqual(before);
  });

  test('a start that finds no room anywhere says what is wrong', async () => {
    const { disk, reopen } = await onSmallDisk({ shadowPlaces: [] });
    disk.fill(0);
    await expect(reopen()).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('the disk is full'),
    });
  });

  test('a read-only file system is served for reads', async () => {
    const place = await temporary();
    const { index, disk, reopen } = await onSmallDisk({ shadowPlaces: [place] });
    await index.close();
    disk.makeReadOnly();
    const again = await reopen();
    expect(again.trouble).toContain('the file system is read-only');
    expect((await rowsOf(again)).length).toBe(256);
    await again.close();
    disk.makeWritable();
  });
});

async function untilAbove(directory: string, bytes: number): Promise<void> {
  while (((await sizes(directory)).get('ballast') ?? 0) < bytes) await turns(1);
}
