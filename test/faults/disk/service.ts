/** The service as it is run, with its reaper, and what is asked of it while its disk takes no writes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { openEndpoint } from '../../../src/client/wire/endpoint.ts';
import { bytesOf } from '../seeded.ts';
import { inTime } from '../server-process.ts';

const launcher = resolve(import.meta.dirname, '../../../bin/artifacta');
/** Of contents, by the numbers that they are made of. */
export const sizes = [100, 50_000, 3_000, 200_000];
/** The reaper's next pass is not waited for. */
const hurried = { ARTIFACTA_REAP_INTERVAL_SECONDS: '1' };
/** How long a service may take to serve, and to go on when the disk takes writes again. */
const recoveryMs = 60_000;

/** A service that is served. */
export interface Service extends AsyncDisposable {
  readonly pid: number;
  readonly client: ArtifactaClient;
  ready(): Promise<{ readonly status: number; readonly phase: string }>;
}

/** @param under a program that runs it, with its arguments. */
export async function serve(dataDir: string, under: readonly string[] = []): Promise<Service> {
  const listeners = [
    '--grpc-listen',
    '127.0.0.1:0',
    '--http-listen',
    'none',
    '--admin-listen',
    '127.0.0.1:0',
  ];
  const [command, ...args] = [
    ...under,
    launcher,
    'serve',
    '--data-dir',
    dataDir,
    ...listeners,
    '--with-reaper',
  ];
  const child = spawn(command!, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, XDG_CACHE_HOME: join(dataDir, '..', '..', 'cache'), ...hurried },
  });
  const ended = once(child, 'close');
  const line = Promise.withResolvers<{ readonly admin: string; readonly pid: number }>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const said = JSON.parse(text);
    if (said.msg === 'ready') line.resolve(said);
  });
  void ended.then(() => line.reject(new Error('the service has ended')));
  const { admin, pid } = await inTime(line.promise, 'the service was not ready in time', recoveryMs);
  const endpoint = await openEndpoint(`unix:${join(dataDir, 'run', 'sock')}`);
  const client = new ArtifactaClient(endpoint, { retry: { attemptsMax: 1 }, timeoutMs: 20_000 });
  return {
    client,
    pid,
    ready: async () => {
      const answer = await fetch(`http://${admin}/readyz`);
      return { status: answer.status, phase: ((await answer.json()) as { phase: string }).phase };
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      process.kill(pid, 'SIGTERM');
      await ended;
    },
  };
}

/** Reads everything that is there, in every way; what fails is a fault. */
export async function look({ client, ready }: Service, faults: string[], when: string): Promise<string> {
  try {
    let count = 0;
    for await (const { id, name } of client.query({ session: 'kept' })) {
      const seed = Number(name);
      const pieces: Uint8Array[] = [];
      for await (const piece of await client.open(id)) pieces.push(piece);
      if (!Buffer.concat(pieces).equals(bytesOf(seed, sizes[seed % sizes.length]!)))
        faults.push(`${when}: ${name} has other bytes`);
      count++;
    }
    if (count !== sizes.length) faults.push(`${when}: ${count} of ${sizes.length} are listed`);
    const { state, trouble } = await client.admin.status();
    const { status, phase } = await ready();
    if (status !== 200) faults.push(`${when}: it is served and not ready: ${phase}`);
    if ((state === 'read_only') !== (trouble !== '')) faults.push(`${when}: ${state} and ${trouble}`);
    if (trouble !== '' && !/disk|file system|being reopened/.test(trouble))
      faults.push(`${when}: ${trouble}`);
    return state;
  } catch (error) {
    faults.push(`${when}: ${String(error)}`);
    return 'failed';
  }
}

/** Seeds are numbers; what is in the session `ends` ends soon. */
export async function push(client: ArtifactaClient, session: string, seed: number): Promise<void> {
  const ttl = session === 'ends' ? { expiry: { ttlMs: 1_000 } } : {};
  const bytes = bytesOf(seed, sizes[seed % sizes.length]!);
  await client.push(bytes, { session, name: String(seed), ...ttl });
}

/** Pushes until one is acknowledged, as it has to be without a restart. */
export async function pushInTime(client: ArtifactaClient): Promise<void> {
  const endMs = performance.now() + recoveryMs;
  for (let seed = 20; ; seed += 4)
    try {
      return await push(client, 'late', seed);
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(200);
    }
}
