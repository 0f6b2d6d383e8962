/** The sidecar as a process: beside the service, by itself, and when either of them is killed. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../server/grpc/raw-call.ts';
import { byName, create } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import type { Service } from '../support/service.ts';
import { parseScrape } from '../telemetry/prometheus.ts';
import { clientFor, type ServeProcess, startServe } from './serve-process.ts';

const often = { ARTIFACTA_REAP_INTERVAL_SECONDS: '1' };
const patienceMs = 20_000;

async function newDataDir(): Promise<string> {
  return join(await newDirectory(), 'data');
}

/** Something that is gone a second later. */
async function pushBriefly(server: ServeProcess): Promise<void> {
  const artifacts = clientFor(String((await server.ready).grpc));
  const ttl = { case: 'ttl', value: { seconds: 1n, nanos: 0 } } as const;
  await create({ artifacts } as Service, { session: 's', name: 'a', expiry: ttl }, 'x');
}

const freed = (server: ServeProcess) =>
  server.lines.filter(({ msg, artifacts }) => msg === 'pass' && Number(artifacts) > 0);

/** The ids of the reapers that have begun. */
const begun = (server: ServeProcess) =>
  server.lines.filter(({ msg }) => msg === 'reaping').map(({ pid }) => Number(pid));

const linesOf = (log: string) =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { level: string; msg: string; metrics?: string });

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('beside the service', () => {
  it('frees what has expired, and is started again when it was killed', async () => {
    const server = startServe(await newDataDir(), ['--with-reaper'], often);
    await server.ready;
    await eventually(() => begun(server).length === 1, patienceMs);
    process.kill(begun(server)[0]!, 'SIGKILL');
    await eventually(() => begun(server).length === 2, patienceMs);
    await pushBriefly(server);
    await eventually(() => freed(server).length > 0, patienceMs);
    const artifacts = clientFor(String((await server.ready).grpc));
    await expect(artifacts.getArtifact({ artifact: byName('s', 'a') })).rejects.toThrow(/does not exist/);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(begun(server).map(isRunning)).toEqual([false, false]);
  });

  it('ends with the service, however that ends', async () => {
    const server = startServe(await newDataDir(), ['--with-reaper'], often);
    await server.ready;
    await eventually(() => begun(server).length === 1, patienceMs);
    server.child.kill('SIGKILL');
    await eventually(() => !isRunning(begun(server)[0]!), patienceMs);
  });
});

describe('by itself', () => {
  it('makes one pass, or passes until it is told to stop, and shows figures of its own', async () => {
    const dataDir = await newDataDir();
    const server = startServe(dataDir);
    await pushBriefly(server);
    const listening = ['--listen', '127.0.0.1:0', '--log-level', 'debug', '--interval-seconds', '1'];
    const reaper = start(['reap', '--data-dir', dataDir, ...listening]);
    await eventually(() => /"artifacts":1/.test(reaper.stdout()), patienceMs);
    const { metrics } = JSON.parse(reaper.stdout().split('\n')[0]!) as { metrics: string };
    const scrape = parseScrape(await (await fetch(`http://${metrics}/metrics`)).text());
    expect(scrape.get('artifacta_reaper_artifacts_total')?.samples).toMatchObject([{ value: 1 }]);
    expect((await fetch(`http://${metrics}/healthz`)).status).toBe(200);
    reaper.child.kill('SIGTERM');
    expect((await reaper.ended).code).toBe(0);
    expect(await start(['reap', '--once', '--data-dir', dataDir]).ended).toMatchObject({ code: 0 });
  });

  it('says so in a sentence when there is no service', async () => {
    const { code, stdout } = await start(['reap', '--once', '--data-dir', await newDataDir()]).ended;
    expect(code).toBe(1);
    expect(linesOf(stdout)).toMatchObject([
      { level: 'warn', msg: expect.stringMatching(/^the service does not answer: no connection: /) },
    ]);
    expect(stdout).not.toMatch(/stack|err/);
  });

  it('waits for the service, which it says once, and once that it answers', async () => {
    const dataDir = await newDataDir();
    const metrics = ['--interval-seconds', '1', '--listen', '127.0.0.1:0'];
    const reaper = start(['reap', '--data-dir', dataDir, ...metrics]);
    await eventually(() => linesOf(reaper.stdout()).some(({ msg }) => msg === 'reaping'), patienceMs);
    const address = String(linesOf(reaper.stdout())[0]!.metrics);
    const failed = async () => {
      const scrape = parseScrape(await (await fetch(`http://${address}/metrics`)).text());
      const samples = scrape.get('artifacta_reaper_failures_total')?.samples ?? [];
      return samples.reduce((sum, { value }) => sum + value, 0);
    };
    await eventually(async () => (await failed()) >= 2, patienceMs);
    const server = startServe(dataDir);
    await pushBriefly(server);
    await eventually(() => /"artifacts":1/.test(reaper.stdout()), patienceMs);
    reaper.child.kill('SIGTERM');
    await reaper.ended;
    const lines = linesOf(reaper.stdout()).filter(({ msg }) => msg !== 'pass');
    expect(lines.map(({ level, msg }) => `${level} ${msg.replace(/(: no connection): .*/, '$1')}`)).toEqual([
      'info reaping',
      'warn waiting for the service: no connection',
      'info the service answers',
      'info stopped',
    ]);
    expect(reaper.stdout()).not.toMatch(/stack|"err"/);
  });

  it.each([
    [['--interval-seconds', 'x'], '--interval-seconds'],
    [['--grpc-listen', '127.0.0.1:0'], '--grpc-listen'],
    [['--listen', 'here'], '--listen'],
  ])('refuses %j', async (args, named) => {
    const { code, stderr } = await start(['reap', ...args]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(named);
  });
});

describe('without a service', () => {
  it('a command does a slice of maintenance before it leaves', async () => {
    const dataDir = await newDataDir();
    const push = (name: string, ...args: string[]) =>
      artifacta(
        'push',
        join(import.meta.dirname, 'reaper.test.ts'),
        '--session',
        's',
        '--name',
        name,
        '--data-dir',
        dataDir,
        ...args,
      );
    expect(await push('brief', '--ttl', '1s')).toMatchObject({ code: 0 });
    const count = async () => {
      const shown = await artifacta('session', 'show', 's', '--json', '--data-dir', dataDir);
      return (JSON.parse(shown.stdout) as { artifact_count: number }).artifact_count;
    };
    // What has expired counts until it is reaped.
    await eventually(async () => (await count()) === 0, patienceMs);
  });
});
