/**
 * Disks that are full, fail, or take no writes for a while. Each scenario pushes into a server until something fails,
 * mends the disk while the server goes on, sees that it takes pushes again by itself, and compares with what it
 * acknowledged: then, and after it was killed and started again.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeDirectory } from '../../support/directories.ts';
import { type Connection, openConnection } from '../connection.ts';
import type { ChildOptions } from '../failpoints.ts';
import { ServerProcess } from '../server-process.ts';
import { commands } from './commands.ts';
import { filled } from './filled.ts';
import { Pushes } from './pushes.ts';
import { refusals } from './refusals.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts';

const MiB = 1024 ** 2;

interface Stage {
  readonly home: string;
  readonly pushes: Pushes;
  readonly connection: Connection;
}

/** How long a server may take until it accepts pushes again, in milliseconds. It looks again after 10 s at most. */
const recoveryMs = 25_000;
const small = { writeBufferBytes: 256 * 1024, tableBytes: MiB };

/** Pushes of these sizes, some at a time, until one fails or so many were sent. @returns whether one has failed. */
async function pushUntilFailure(
  { pushes, connection }: Stage,
  sizes: readonly number[],
  max: number,
): Promise<boolean> {
  for (let sent = 0; sent < max; sent += 6) {
    const sizesNow = Array.from({ length: 6 }, (_, at) => sizes[(sent + at) % sizes.length]!);
    const done = await Promise.all(sizesNow.map((size) => pushes.push(connection, size)));
    if (done.includes(false)) return true;
  }
  return false;
}

/** Without a restart. */
async function expectRecovery({ pushes, connection }: Stage, sizes: readonly number[]): Promise<void> {
  const endMs = performance.now() + recoveryMs;
  for (const size of sizes) {
    while (!(await pushes.push(connection, size))) {
      if (performance.now() > endMs) {
        pushes.faults.push(
          `no push of ${size} bytes went through in ${recoveryMs} ms after the disk was mended`,
        );
        return;
      }
      await delay(50);
    }
  }
}

async function onServer(
  options: (home: string, disks: DisposableStack) => Omit<ChildOptions, 'inlineBytesMax'>,
  work: (stage: Stage) => Promise<void>,
  under: readonly string[] = [],
): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-disk-'));
  const pushes = new Pushes();
  const disks = new DisposableStack();
  const cacheDir = join(home, 'cache');
  try {
    const given = { ...options(home, disks), inlineBytesMax: 4_096 };
    {
      await using server = new ServerProcess(given, cacheDir, { under });
      const ready = await server.whenReady();
      if (ready === undefined) throw new Error(`the server does not start: ${server.stderr}`);
      await using connection = await openConnection(ready.address);
      await work({ home, pushes, connection });
      await pushes.check(connection);
    }
    // What the handle says that failed is one thing, what is on the disk another.
    await using server = new ServerProcess(given, cacheDir);
    const ready = await server.whenReady();
    if (ready === undefined) throw new Error(`the server does not start again: ${server.stderr}`);
    await using connection = await openConnection(ready.address);
    await pushes.check(connection);
    await expectRecovery({ home, pushes, connection }, [100, 50_000]);
  } catch (error) {
    pushes.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    disks.dispose();
    removeDirectory(home);
  }
  const reasons = JSON.stringify(Object.fromEntries(pushes.reasons));
  const said = `${pushes.count('acknowledged')} acknowledged, ${pushes.count('refused')} refused, ${pushes.count('unknown')} unknown, ${reasons}`;
  return { faults: pushes.faults, said };
}

type Where = 'contents' | 'index' | 'both';

/** A disk that fills up, is emptied, and is written to again. */
function full(
  name: string,
  where: Where,
  bytes: number,
  sizes: readonly number[],
  tuning?: ChildOptions['tuning'],
): Scenario {
  return {
    name,
    obstacle: whyNoSmallDisk,
    play: async () => {
      let disk: SmallDisk;
      return await onServer(
        (home, disks) => {
          disk = disks.use(new SmallDisk(join(home, 'small'), bytes));
          // An index that has no room is opened anew when there is half as much again as its log takes.
          disk.fill((bytes * 3) / 8);
          const [contents, index] = [
            where === 'index' ? home : disk.path,
            where === 'contents' ? home : disk.path,
          ];
          return { dataDir: join(contents, 'data'), indexDir: join(index, 'index'), tuning };
        },
        async (stage) => {
          if (!(await pushUntilFailure(stage, sizes, 12_000)))
            stage.pushes.faults.push('the disk did not fill up');
          // A few more on what is full.
          await pushUntilFailure(stage, sizes, 6);
          disk.free();
          await expectRecovery(stage, sizes);
          if (!(await pushUntilFailure(stage, sizes, 12_000)))
            stage.pushes.faults.push('the disk did not fill up again');
          // Nothing is left that could be removed.
          spawnSync('mount', ['-o', `remount,size=${bytes * 4}`, disk.path]);
          await expectRecovery(stage, [...sizes, 100, 50_000]);
        },
      );
    },
  };
}

const readOnly: Scenario = {
  name: 'a file system of contents that becomes read-only for a while',
  obstacle: whyNoSmallDisk,
  play: async () => {
    let disk: SmallDisk;
    return await onServer(
      (home, disks) => {
        disk = disks.use(new SmallDisk(join(home, 'small'), 128 * MiB));
        return { dataDir: join(disk.path, 'data'), indexDir: join(home, 'index') };
      },
      async (stage) => {
        await pushUntilFailure(stage, [100, 20_000], 30);
        const loaded = pushUntilFailure(stage, [100, 20_000], 60_000);
        while (!disk.makeReadOnly()) await delay(1);
        await loaded;
        await pushUntilFailure(stage, [100, 20_000], 12);
        disk.makeWritable();
        await expectRecovery(stage, [100, 20_000]);
      },
    );
  },
};

/** Every thread's `when`-th sync fails with an input/output error. */
function failingSync(when: number): Scenario {
  return {
    name: `an input/output error at sync number ${when}`,
    obstacle: () => (spawnSync('strace', ['-V']).status === 0 ? undefined : 'there is no strace'),
    play: () =>
      onServer(
        (home) => ({ dataDir: join(home, 'data'), tuning: small }),
        async (stage) => {
          for (let round = 0; round < 12; round++)
            await Promise.all(
              [100, 3_000, 20_000, 300_000].map((size) => stage.pushes.push(stage.connection, size)),
            );
          await expectRecovery(stage, [100, 20_000]);
        },
        strace(when),
      ),
  };
}

/** A start that meets such an error says so and ends; the next one finds everything. */
function failingStart(when: number): Scenario {
  return {
    name: `an input/output error at sync number ${when} of a start`,
    obstacle: () => (spawnSync('strace', ['-V']).status === 0 ? undefined : 'there is no strace'),
    play: async () => {
      const home = await mkdtemp(join(tmpdir(), 'artifacta-disk-'));
      try {
        return await startOver(home, when);
      } finally {
        removeDirectory(home);
      }
    },
  };
}

async function startOver(home: string, when: number): Promise<Outcome> {
  const pushes = new Pushes();
  const options = { dataDir: join(home, 'data'), inlineBytesMax: 4_096 };
  const serve = async (under: readonly string[]): Promise<string> => {
    await using server = new ServerProcess(options, join(home, 'cache'), { under });
    const ready = await server.whenReady();
    if (ready === undefined)
      return `${await server.whenEnded()}: ${/(\w*Failure|Error|IndexDamaged): .*/.exec(server.stderr)?.[0]}`;
    await using connection = await openConnection(ready.address);
    await pushes.check(connection);
    await expectRecovery({ home, pushes, connection }, [100, 50_000]);
    return 'served';
  };
  await serve([]);
  const said = await serve(strace(when));
  if (said !== 'served' && !/STORE_UNAVAILABLE|Failure: |EIO/.test(said))
    pushes.faults.push(`an unclear end: ${said}`);
  await serve([]);
  return { faults: pushes.faults, said };
}

const strace = (when: number) => [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=fsync,fdatasync',
  '-e',
  `inject=fsync,fdatasync:error=EIO:when=${when}`,
];

const descriptors: Scenario = {
  name: 'too few file descriptors',
  obstacle: () => (spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'there is no prlimit'),
  play: () =>
    onServer(
      (home) => ({ dataDir: join(home, 'data'), tuning: small }),
      async (stage) => {
        for (let round = 0; round < 3; round++)
          await Promise.all(
            Array.from({ length: 150 }, (_, at) =>
              stage.pushes.push(stage.connection, at % 3 === 0 ? 100 : 400_000),
            ),
          );
        await expectRecovery(stage, [100, 20_000]);
      },
      ['prlimit', '--nofile=64'],
    ),
};

/** All of them. */
export const scenarios: readonly Scenario[] = [
  full('no space for contents', 'contents', 24 * MiB, [300_000, 20_000]),
  full('no space for the log of the index', 'index', 24 * MiB, [3_000, 100]),
  // What still goes into rows, so that it takes the fewest pushes.
  full('no space for the tables of the index', 'index', 12 * MiB, [4_000, 3_000], small),
  full('no space for either', 'both', 24 * MiB, [3_000, 100, 100_000], small),
  readOnly,
  // A thread may have made five by the time that a new store has started, as it comes.
  ...[6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17].map(failingSync),
  ...[1, 2, 3].map(failingStart),
  descriptors,
  ...filled,
  ...commands,
  ...refusals,
];
