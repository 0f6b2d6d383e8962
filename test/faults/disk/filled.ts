/**
 * Somebody else fills the disk of a whole service: `artifacta serve` with its reaper. Whatever is then deleted or ended,
 * reads, the status and readiness go on and agree, through a restart as well, and pushes when there is room again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { toArtifactaError } from '../../../src/client/errors.ts';
import { openEndpoint } from '../../../src/client/wire/endpoint.ts';
import { removeDirectory } from '../../support/directories.ts';
import { bytesOf } from '../seeded.ts';
import { inTime } from '../server-process.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
const diskBytes = 96 * 1024 ** 2;
const sizes = [100, 50_000, 3_000, 200_000];
/** The reaper's next pass is not waited for. */
const hurried = { ARTIFACTA_REAP_INTERVAL_SECONDS: '1' };
const recoveryMs = 60_000;

interface Service extends AsyncDisposable {
  readonly client: ArtifactaClient;
  ready(): Promise<{ readonly status: number; readonly phase: string }>;
}

async function serve(dataDir: string): Promise<Service> {
  const doors = ['--grpc-listen', '127.0.0.1:0', '--http-listen', 'none', '--admin-listen', '127.0.0.1:0'];
  const child = spawn(launcher, ['serve', '--data-dir', dataDir, ...doors, '--with-reaper'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, XDG_CACHE_HOME: join(dataDir, '..', '..', 'cache'), ...hurried },
  });
  const ended = once(child, 'close');
  const line = Promise.withResolvers<{ readonly admin: string }>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const said = JSON.parse(text);
    if (said.msg === 'ready') line.resolve(said);
  });
  void ended.then(() => line.reject(new Error('the service has ended')));
  const { admin } = await inTime(line.promise, 'the service was not ready in time', recoveryMs);
  const endpoint = await openEndpoint(`unix:${join(dataDir, 'run', 'sock')}`);
  const client = new ArtifactaClient(endpoint, { retry: { attemptsMax: 1 }, timeoutMs: 20_000 });
  return {
    client,
    ready: async () => {
      const answer = await fetch(`http://${admin}/readyz`);
      return { status: answer.status, phase: ((await answer.json()) as { phase: string }).phase };
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Reads everything that is there, in every way; what fails is a fault. */
async function look({ client, ready }: Service, faults: string[], when: string): Promise<string> {
  try {
    let count = 0;
    for await (const { id, name } of client.list({ session: 'kept' })) {
      const seed = Number(name);
      const pieces: Uint8Array[] = [];
      for await (const piece of await client.download(id)) pieces.push(piece);
      if (!Buffer.concat(pieces).equals(bytesOf(seed, sizes[seed % sizes.length]!)))
        faults.push(`${when}: ${name} has other bytes`);
      count++;
    }
    if (count !== sizes.length) faults.push(`${when}: ${count} of ${sizes.length} are listed`);
    const { state, trouble } = await client.admin.status();
    const { status, phase } = await ready();
    if (status !== 200) faults.push(`${when}: it is served and not ready: ${phase}`);
    if ((state === 'read_only') !== (trouble !== '')) faults.push(`${when}: ${state} and ${trouble}`);
    if (trouble !== '' && !/disk is full|being reopened/.test(trouble)) faults.push(`${when}: ${trouble}`);
    return state;
  } catch (error) {
    faults.push(`${when}: ${String(error)}`);
    return 'failed';
  }
}

async function push(client: ArtifactaClient, session: string, seed: number): Promise<void> {
  const ttl = session === 'ends' ? { expiry: { ttlMs: 1_000 } } : {};
  const bytes = bytesOf(seed, sizes[seed % sizes.length]!);
  await client.push(bytes, { session, name: String(seed), ...ttl });
}

interface Kind {
  readonly isDeleted: boolean;
  readonly hasBallast: boolean;
}

async function play({ isDeleted, hasBallast }: Kind): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-filled-'));
  const faults: string[] = [];
  const states = new Set<string>();
  let deleted = 0;
  const disk = new SmallDisk(join(home, 'small'), diskBytes);
  const dataDir = join(disk.path, 'data');
  const fill = async () => {
    if (!hasBallast) await rm(join(dataDir, 'index', 'ballast'), { force: true });
    disk.fill(0);
  };
  try {
    {
      await using service = await serve(dataDir);
      for (const [seed] of sizes.entries()) {
        await push(service.client, 'kept', seed);
        await push(service.client, isDeleted ? 'deleted' : 'ends', seed + 4);
      }
      await fill();
      for (let round = 0; round < 8; round++) {
        if (isDeleted)
          await service.client.delete({ session: 'deleted', name: String(4 + (round % 4)) }).then(
            () => deleted++,
            (error: unknown) => {
              const { reason } = toArtifactaError(error);
              if (reason !== 'STORE_UNAVAILABLE' && reason !== 'ARTIFACT_DELETED')
                faults.push(`a deletion was refused with ${reason}`);
            },
          );
        else await delay(500);
        states.add(await look(service, faults, `round ${round}`));
      }
    }
    if (isDeleted && hasBallast && deleted < 4) faults.push(`only ${deleted} were deleted`);
    await fill();
    await using again = await serve(dataDir);
    states.add(await look(again, faults, 'after a start'));
    disk.free();
    const endMs = performance.now() + recoveryMs;
    for (let seed = 20; ; seed += 4)
      try {
        await push(again.client, 'late', seed);
        break;
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await delay(200);
      }
    states.add(await look(again, faults, 'with room again'));
  } catch (error) {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    disk[Symbol.dispose]();
    removeDirectory(home);
  }
  return { faults, said: `${deleted} deleted, states ${[...states].join(', ')}` };
}

const kinds: readonly Kind[] = [
  { isDeleted: true, hasBallast: true },
  { isDeleted: true, hasBallast: false },
  { isDeleted: false, hasBallast: true },
  { isDeleted: false, hasBallast: false },
];

export const filled: readonly Scenario[] = kinds.map((kind) => ({
  name: `somebody else fills the disk, and ${kind.isDeleted ? 'things are deleted' : 'the reaper is alone'}, with ${kind.hasBallast ? 'what is kept back' : 'nothing kept back'}`,
  obstacle: whyNoSmallDisk,
  play: () => play(kind),
}));
