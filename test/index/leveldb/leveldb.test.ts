import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import {
  type LevelIndexOptions,
  openLevelDatabase,
  openLevelIndex,
} from '../../../src/index/leveldb/leveldb.ts';
import { indexContract } from '../contract.ts';
import { openLevelRig } from '../rigs.ts';
import { increment, look, ManualTimer, put, rowsOf, write } from '../support.ts';

indexContract('LevelDB', openLevelRig);

interface Home {
  readonly directory: string;
  readonly markPath: string;
  open(options?: Partial<LevelIndexOptions>): Promise<Index>;
}

async function home(): Promise<Home> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-leveldb-'));
  const opened: Index[] = [];
  onTestFinished(async () => {
    for (const index of opened) await index.close();
    await rm(root, { recursive: true, force: true });
  });
  const places = { directory: join(root, 'data', 'database'), markPath: join(root, 'state', 'mark') };
  const open = async (options: Partial<LevelIndexOptions> = {}) => {
    const index = await openLevelIndex({ ...places, after: new ManualTimer().after, ...options });
    opened.push(index);
    return index;
  };
  return { ...places, open };
}

/** An index that was closed after so many commits. */
async function closedAfter(commits: number): Promise<Home> {
  const place = await home();
  const index = await place.open();
  for (let commit = 0; commit < commits; commit++) await write(index, [put('a', String(commit).repeat(100))]);
  await index.close();
  return place;
}

/** Flips a bit in LevelDB's log, counted from its end. */
async function damageLog(directory: string, fromEnd: number): Promise<void> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  expect(logs).toHaveLength(1);
  const path = join(directory, logs[0]!);
  const bytes = await readFile(path);
  bytes[bytes.length - fromEnd]! ^= 1;
  await writeFile(path, bytes);
}

test('the index and its mark are created where they are asked for', async () => {
  const place = await closedAfter(3);
  expect(await readFile(place.markPath, 'utf8')).toBe('3\n');
  await access(join(place.directory, 'CURRENT'));
});

test('a mark above the newest commit keeps the index from opening', async () => {
  const place = await closedAfter(3);
  await writeFile(place.markPath, '5\n');
  await expect(place.open()).rejects.toMatchObject({
    reason: 'DATA_LOSS',
    message: 'the index lost commits 4..5',
  });
  await writeFile(place.markPath, '3\n');
  expect(await look(await place.open(), 'a')).toBe('2'.repeat(100));
});

test('a database that vanished beneath its mark is noticed', async () => {
  const place = await closedAfter(3);
  await rm(place.directory, { recursive: true });
  await expect(place.open()).rejects.toMatchObject({
    reason: 'DATA_LOSS',
    message: `the index is damaged: ${join(place.directory, 'CURRENT')} is missing`,
    loss: { firstCommit: 0, lastCommit: 3 },
  });
  // LevelDB would have made a new one.
  await expect(access(place.directory)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('tables without CURRENT are damage, mark or none, and stay as they are', async () => {
  const place = await closedAfter(3);
  await (await place.open()).close();
  await rm(join(place.directory, 'CURRENT'));
  await rm(place.markPath);
  const before = await readdir(place.directory);
  await expect(place.open()).rejects.toMatchObject({
    reason: 'DATA_LOSS',
    message: expect.stringMatching(/CURRENT is missing/),
  });
  expect(await readdir(place.directory)).toEqual(before);
});

test('a mark that trails the commits, or is not there, is no reason to refuse', async () => {
  const place = await closedAfter(3);
  for (const mark of ['1\n', undefined]) {
    if (mark === undefined) await rm(place.markPath);
    else await writeFile(place.markPath, mark);
    const index = await place.open();
    expect(await look(index, 'a')).toBe('2'.repeat(100));
    await index.close();
  }
});

test('a commit row missing from the middle keeps the index from opening', async () => {
  const place = await closedAfter(5);
  const database = await openLevelDatabase(place.directory);
  await database.batch([{ type: 'del', key: keys.store.commit.key(2) }]);
  await database.close();
  await expect(place.open()).rejects.toMatchObject({ message: 'the index lost commits 2' });
});

test('a damaged log that loses acknowledged commits is DATA_LOSS, with what LevelDB says of it', async () => {
  const place = await closedAfter(5);
  await damageLog(place.directory, 300);
  await expect(place.open()).rejects.toMatchObject({
    reason: 'DATA_LOSS',
    message: expect.stringMatching(
      /^the index lost commits \d\.\.5; the database said: .*dropping \d+ bytes/,
    ),
  });
});

test('a damaged tail above the mark is a warning', async () => {
  const place = await closedAfter(5);
  await writeFile(place.markPath, '2\n');
  await damageLog(place.directory, 3);
  const warnings: string[] = [];
  const index = await place.open({ warn: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringMatching(/dropping \d+ bytes/)]);
  expect(await look(index, 'a')).toBe('3'.repeat(100));
  await write(index, [put('a', 'again')]);
  await index.close();
  expect(await readFile(place.markPath, 'utf8')).toBe('5\n');
});

test('an index that another has open says so, and is left alone', async () => {
  const place = await home();
  const index = await place.open();
  await increment(index, 'a');
  await expect(place.open()).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    metadata: { lock: 'held' },
    message: expect.stringContaining('another process'),
  });
  expect(await increment(index, 'a')).toBe(2);
});

test('a directory that cannot be one is STORE_UNAVAILABLE, without a lock', async () => {
  const place = await home();
  const path = `${place.directory}/../file`;
  const index = await place.open();
  await index.close();
  await writeFile(path, '');
  await expect(place.open({ directory: path })).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    metadata: {},
  });
});

test('a failed opening leaves nothing open', async () => {
  const place = await closedAfter(2);
  const mark = await readFile(place.markPath, 'utf8');
  await writeFile(place.markPath, '9\n');
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(place.open()).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  }
  await writeFile(place.markPath, mark);
  await place.open();
});

test('the tuning reaches LevelDB', async () => {
  const place = await home();
  const index = await place.open({ tableBytes: 1024 * 1024, writeBufferBytes: 64 * 1024, cacheBytes: 0 });
  for (let at = 0; at < 40; at++) await write(index, [put(String(at), `${at}`.repeat(8_000))]);
  await index.close();
  const small = (await readdir(place.directory)).filter((name) => name.endsWith('.ldb')).length;
  expect(small).toBeGreaterThan(0);
  const other = await home();
  const untouched = await other.open();
  for (let at = 0; at < 40; at++) await write(untouched, [put(String(at), `${at}`.repeat(8_000))]);
  await untouched.close();
  expect((await readdir(other.directory)).filter((name) => name.endsWith('.ldb'))).toEqual([]);
});

/** Writes in a process of its own, under `tracer` if there is one, and kills it after so many acknowledgements. */
async function killAfter(count: number, place: Home, tracer: readonly string[]): Promise<Set<string>> {
  const script = join(import.meta.dirname, 'crash-child.ts');
  const [command, ...rest] = [...tracer, process.execPath, script, place.directory, place.markPath];
  // A group of its own, so that the writer dies with its tracer.
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const exited = once(child, 'exit');
  let isRunning = true;
  const kill = () => {
    if (isRunning) process.kill(-child.pid!, 'SIGKILL');
    isRunning = false;
  };
  onTestFinished(kill);
  const acknowledged = new Set<string>();
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.add(line);
    if (acknowledged.size === count) kill();
  }
  isRunning = false;
  await exited;
  return acknowledged;
}

test('an acknowledgement costs a sync of the log', async (context) => {
  if (spawnSync('strace', ['-qq', 'true']).status !== 0)
    context.skip('strace is missing or may not trace here');
  const place = await home();
  const trace = `${place.directory}.trace`;
  await mkdir(dirname(trace), { recursive: true });
  const acknowledged = await killAfter(640, place, [
    'strace',
    '-f',
    '-y',
    '-e',
    'trace=fdatasync,fsync',
    '-o',
    trace,
  ]);
  const syncs = (await readFile(trace, 'utf8')).match(/sync\(\d+<[^>]*\.log>/g) ?? [];
  // The writer keeps 32 transactions in flight, so that no batch holds more.
  expect(syncs.length).toBeGreaterThanOrEqual(Math.floor(acknowledged.size / 32));
}, 120_000);

test('kill -9 under load: every acknowledged write is there, every other one whole or absent', async () => {
  const place = await home();
  const acknowledged = await killAfter(2_000, place, []);
  expect(acknowledged.size).toBeGreaterThanOrEqual(2_000);
  const found = new Map(await rowsOf(await place.open()));
  for (const name of acknowledged) expect(found.get(`left ${name}`)).toBe(name);
  const names = (side: string) =>
    [...found.keys()].filter((each) => each.startsWith(side)).map((each) => each.slice(side.length));
  expect(names('left ').sort()).toEqual(names('right ').sort());
}, 120_000);
