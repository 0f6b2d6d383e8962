/**
 * Every error that a disk gives, at every kind of call by which something is written, to a service that serves, to one
 * whose reaper alone writes, and to one that starts: reads, the status and readiness go on and agree, nothing is
 * acknowledged on a handle that has failed, and all goes on when the disk takes writes again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import { removeDirectory } from '../../support/directories.ts';
import { inTime } from '../server-process.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { look, push, pushInTime, type Service, serve, sizes } from './service.ts';

const errors = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'] as const;
const calls = {
  write: 'write,pwrite64,writev,pwritev',
  sync: 'fdatasync,fsync',
  creation: 'openat',
  rename: 'rename,renameat,renameat2',
} as const;
type Call = keyof typeof calls;
/** How long the reaper may take until it meets the error. */
const reaperMs = 30_000;

/** What is asked of strace: those calls fail on whatever is written below a data directory, and on nothing that is read. */
async function failing(error: string, call: Call, dataDir: string): Promise<string[]> {
  const index = join(dataDir, 'index');
  const there = new Set(await readdir(index));
  const numbers = Array.from({ length: 24 }, (_, at) => String(at + 1).padStart(6, '0'));
  const names = [
    ...numbers.flatMap((each) => [`${each}.log`, `${each}.ldb`, `${each}.dbtmp`, `MANIFEST-${each}`]),
    'probe',
    'ballast',
  ].filter((name) => call !== 'creation' || !there.has(name));
  const paths = [
    ...names.map((name) => join(index, name)),
    ...['index.mark.tmp', join('tmp', '.probe'), join('blobs', '.probe')].map((name) => join(dataDir, name)),
  ];
  const inject = `inject=${calls[call]}:error=${error}`;
  const filters = paths.flatMap((path) => ['-P', path]);
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls[call]}`, '-e', inject, ...filters];
}

/** From now on they fail in a process, until what this returns is called. */
async function failIn(pid: number, [command, ...args]: readonly string[]): Promise<() => Promise<void>> {
  const noisy = args.filter((each) => each !== '-qq');
  const child = spawn(command!, [...noisy, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  await inTime(once(createInterface({ input: child.stderr }), 'line'), 'strace did not attach');
  return async () => {
    const ended = once(child, 'close');
    child.kill('SIGINT');
    await ended;
  };
}

interface Stage {
  readonly dataDir: string;
  readonly faults: string[];
  readonly states: Set<string>;
  /** What is asked of strace. */
  readonly strace: () => Promise<string[]>;
}

/** Nothing that writes is acknowledged. */
async function expectRefusals({ client }: Service, { faults }: Stage, round: number): Promise<void> {
  const work = {
    push: () => push(client, 'refused', round),
    deletion: () => client.delete({ session: 'deleted', name: '4' }),
  };
  for (const [name, begin] of Object.entries(work))
    await begin().then(
      () => faults.push(`round ${round}: a ${name} was acknowledged`),
      (thrown: unknown) => {
        const { reason, message } = toArtifactaError(thrown);
        if (reason !== 'STORE_UNAVAILABLE') faults.push(`round ${round}: ${reason} ${message}`);
      },
    );
}

async function whileServing(stage: Stage): Promise<void> {
  await using service = await serve(stage.dataDir);
  await makeContents(service);
  const mend = await failIn(service.pid, await stage.strace());
  for (let round = 0; round < 3; round++) {
    await expectRefusals(service, stage, round);
    stage.states.add(await look(service, stage.faults, `round ${round}`));
  }
  await mend();
  await pushInTime(service.client);
  stage.states.add(await look(service, stage.faults, 'mended'));
}

async function whileReaping(stage: Stage): Promise<void> {
  await using service = await serve(stage.dataDir);
  await makeContents(service);
  await push(service.client, 'ends', 8);
  const mend = await failIn(service.pid, await stage.strace());
  const endMs = performance.now() + reaperMs;
  while (!stage.states.has('read_only')) {
    if (performance.now() > endMs) throw new Error('the reaper wrote nothing');
    stage.states.add(await look(service, stage.faults, 'while the reaper is alone'));
    await delay(100);
  }
  stage.states.add(await look(service, stage.faults, 'after the reaper'));
  await mend();
  await pushInTime(service.client);
  stage.states.add(await look(service, stage.faults, 'mended'));
}

async function whileStarting(stage: Stage): Promise<void> {
  {
    await using service = await serve(stage.dataDir);
    await makeContents(service);
  }
  await using service = await serve(stage.dataDir, await stage.strace());
  stage.states.add(await look(service, stage.faults, 'after the start'));
  await expectRefusals(service, stage, 0);
  stage.states.add(await look(service, stage.faults, 'after refusals'));
}

async function makeContents({ client }: Service): Promise<void> {
  for (const [seed] of sizes.entries()) await push(client, 'kept', seed);
  await push(client, 'deleted', 4);
}

const situations = {
  'while it serves': { play: whileServing, calls: ['write', 'sync'] },
  'while the reaper alone writes': { play: whileReaping, calls: ['write', 'sync'] },
  'while it starts': { play: whileStarting, calls: ['write', 'sync', 'creation', 'rename'] },
} as const;

async function play(error: string, call: Call, work: (stage: Stage) => Promise<void>): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-refused-'));
  const dataDir = join(home, 'disk', 'data');
  const states = new Set<string>();
  const faults: string[] = [];
  const strace = () => failing(error, call, dataDir);
  try {
    await work({ dataDir, faults, states, strace });
    await using again = await serve(dataDir);
    await look(again, faults, 'after another start');
    await pushInTime(again.client);
  } catch (thrown) {
    faults.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  } finally {
    removeDirectory(home);
  }
  if (!states.has('read_only')) faults.push('nothing has failed');
  return { faults, said: `states ${[...states].join(', ')}` };
}

/** Each error at each kind of call in each situation. */
export const refusals: readonly Scenario[] = errors.flatMap((error) =>
  Object.entries(situations).flatMap(([when, situation]) =>
    situation.calls.map((call) => ({
      name: `${error} at every ${call} ${when}`,
      obstacle: () => (spawnSync('strace', ['-V']).status === 0 ? undefined : 'there is no strace'),
      play: () => play(error, call, situation.play),
    })),
  ),
);
