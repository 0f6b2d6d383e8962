/** The service and commands with contents in a bucket, as processes of their own. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { decodeSegment } from '../../src/store/custody/segments.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import { makeAccount } from '../support/gcs/signed.ts';
import { startServe } from './serve-process.ts';

const place = 'gs://bucket/team/store';
let fake: FakeGcs;
let directory: string;
let dataDir: string;

beforeEach(async () => {
  fake = await FakeGcs.open();
  onTestFinished(() => fake[Symbol.asyncDispose]());
  directory = await newDirectory();
  dataDir = join(directory, 'data');
  await mkdir(join(directory, 'in'));
  await writeFile(join(directory, 'in', 'small.txt'), 'hello\n');
  await writeFile(join(directory, 'in', 'large.bin'), someBytes(9_000_000));
});

const variables = (blobs = place) => ({
  ARTIFACTA_BLOBS: blobs,
  STORAGE_EMULATOR_HOST: fake.endpoint,
  XDG_CACHE_HOME: join(directory, 'cache'),
});

function run(...args: string[]) {
  return start([...args, '--data-dir', dataDir], { env: variables() }).ended;
}

const contents = () => [...fake.buckets.bucket('bucket').keys()].filter((name) => name.includes('/blobs/'));

async function filled(): Promise<void> {
  expect(await run('push', join(directory, 'in'), '--session', 's')).toMatchObject({ code: 0 });
}

async function expectPulled(to: string): Promise<void> {
  expect(await run('pull', 's', '--to', join(directory, to))).toMatchObject({ code: 0 });
  for (const name of ['small.txt', 'large.bin']) {
    const pulled = await readFile(join(directory, to, name));
    expect(pulled.equals(await readFile(join(directory, 'in', name)))).toBe(true);
  }
}

describe('a store with a bucket', { timeout: 60_000 }, () => {
  it('keeps every content there, and none on the volume', async () => {
    await filled();
    expect(contents().length).toBe(2);
    expect(await readdir(dataDir)).not.toContain('blobs');
    await expectPulled('pulled');
    expect(await run('fsck', '--contents')).toMatchObject({ code: 0 });
  });

  it('is opened only with its own place', async () => {
    await filled();
    const elsewhere = startServe(dataDir, [], variables('gs://bucket/other'));
    expect(await elsewhere.ended).toBe(1);
    expect(elsewhere.stderr()).toContain(`the contents of this store are in ${place}`);
    const without = startServe(dataDir);
    expect(await without.ended).toBe(1);
    expect(without.stderr()).toContain(`give --blobs ${place}`);
  });

  it('is not made over the contents of a directory', async () => {
    const small = start(['push', join(directory, 'in'), '--session', 's', '--data-dir', dataDir]);
    expect(await small.ended).toMatchObject({ code: 0 });
    const served = startServe(dataDir, [], variables());
    expect(await served.ended).toBe(1);
    expect(served.stderr()).toContain('--blobs cannot be given');
    expect(fake.buckets.bucket('bucket').size).toBe(0);
  });

  it('does not take the place of another store', async () => {
    await filled();
    const other = startServe(join(directory, 'other'), [], variables());
    const line = await recovery(other);
    expect(line.recovery).toContain(`${place} has contents`);
    // A place that has the claim alone is refused as well.
    const objects = fake.buckets.bucket('bucket');
    for (const name of objects.keys()) if (!name.endsWith('/artifacta-store.json')) objects.delete(name);
    const empty = startServe(join(directory, 'empty'), [], variables());
    expect(await empty.ended).toBe(1);
    expect(empty.stderr()).toContain(`blobs: ${place} belongs to the store`);
  });

  it('comes back from an export when its volume is lost', async () => {
    await filled();
    const file = join(directory, 'index.export');
    expect(await run('export', file)).toMatchObject({ code: 0 });
    await rm(dataDir, { recursive: true });
    expect(await run('ls', 's')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('the index is lost'),
    });
    expect(await run('import', file)).toMatchObject({ code: 0 });
    await expectPulled('pulled');
  });

  it('keeps exports of its index there, from which it comes back', async () => {
    const served = startServe(dataDir, [], variables());
    await served.ready;
    await filled();
    const isExport = (name: string) => name.startsWith('team/store/exports/');
    const exported = () => [...fake.buckets.bucket('bucket').values()].filter(({ name }) => isExport(name));
    const socket = join(dataDir, 'run', 'sock');
    const made = await exportNow(socket);
    expect(exported().map(({ name }) => name)).toContain(`team/store/${made.path}`);
    served.child.kill('SIGKILL');
    await served.ended;
    const file = join(directory, 'index.export');
    await writeFile(file, fake.object(`team/store/${made.path}`)!.bytes);
    await rm(dataDir, { recursive: true });
    expect(await run('import', file)).toMatchObject({ code: 0 });
    await expectPulled('pulled');
  });

  it.each([
    ['gs://missing/a', 'blobs: the bucket of gs://missing/a does not exist: make it, or give another one'],
    ['gs://bucket', 'blobs: gs://bucket may not be used (read): 403'],
  ])('does not start with %s: %s', async (blobs, message) => {
    fake.forbidden.add('read');
    if (blobs.includes('missing')) fake.forbidden.clear();
    const served = startServe(dataDir, [], variables(blobs));
    expect(await served.ended).toBe(1);
    expect(served.stderr()).toContain(message);
  });

  it('warns of versioning and of a retention policy, and serves', async () => {
    fake.buckets.settings = { versioning: { enabled: true }, retentionPolicy: { retentionPeriod: '86400' } };
    const served = startServe(dataDir, [], variables());
    await served.ready;
    expect(served.warnings()).toEqual([
      expect.stringContaining(`${place}: the bucket keeps old versions`),
      expect.stringContaining(`${place}: the bucket keeps each object for 86400 seconds`),
    ]);
    await filled();
  });

  it('says which addresses it takes', async () => {
    const served = startServe(dataDir, ['--blobs', 's3://bucket/a'], variables());
    expect(await served.ended).toBe(2);
    expect(served.stderr()).toContain('--blobs: must be gs://BUCKET/PREFIX, not s3://bucket/a');
  });
});

describe('a volume that is lost', { timeout: 90_000 }, () => {
  it('costs nothing that was acknowledged and shipped: pushes, deletions, holds, open sessions', async () => {
    const served = startServe(dataDir, [], variables());
    await served.ready;
    await filled();
    expect(await run('push', join(directory, 'in', 'small.txt'), '--session', 't')).toMatchObject({
      code: 0,
    });
    expect(await run('rm', 't/small.txt')).toMatchObject({ code: 0 });
    expect(await run('update', 's/large.bin', '--label', 'kept=yes')).toMatchObject({ code: 0 });
    expect(await run('update', 's/small.txt', '--hold')).toMatchObject({ code: 0 });
    await shipped(join(dataDir, 'run', 'sock'));
    served.child.kill('SIGKILL');
    await served.ended;
    await rm(dataDir, { recursive: true });
    const restored = await run('import', '--from', place);
    expect(restored).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/the export .* segments: up to commit/),
    });
    await expectPulled('pulled');
    expect(await run('cat', 't/small.txt')).toMatchObject({ code: 3 });
    expect((await run('ls', 's', '--json')).stdout).toMatch(/"kept":"yes"/);
    expect(await run('rm', 's/small.txt')).toMatchObject({
      stderr: expect.stringContaining('ARTIFACT_HELD'),
    });
    expect(await run('fsck', '--contents')).toMatchObject({ code: 0 });
  });

  it.each([
    ['an empty data directory', async () => undefined],
    [
      'a new service, which has shown that the index is lost',
      async () => {
        const again = startServe(dataDir, [], variables());
        expect((await recovery(again)).recovery).toContain(`${place} has exports`);
        again.child.kill('SIGKILL');
        await again.ended;
      },
    ],
  ])('is restored into %s, although all of its contents were in the index', async (_, before) => {
    const served = startServe(dataDir, ['--inline-bytes-max', '32768'], variables());
    await served.ready;
    expect(await run('push', join(directory, 'in', 'small.txt'), '--session', 's')).toMatchObject({
      code: 0,
    });
    expect(contents()).toEqual([]);
    await shipped(join(dataDir, 'run', 'sock'));
    served.child.kill('SIGKILL');
    await served.ended;
    await rm(dataDir, { recursive: true });
    await before();
    expect(await run('import', '--from', place)).toMatchObject({ code: 0 });
    expect(await run('cat', 's/small.txt')).toMatchObject({ code: 0, stdout: 'hello\n' });
  });

  it('is not restored from another place, or from none', async () => {
    await filled();
    expect(await run('import', '--from', 'gs://bucket/other', '--replace')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`must be the place of this service's exports, ${place}`),
    });
    expect(await run('import')).toMatchObject({ code: 2 });
  });
});

describe('a service with a bucket', { timeout: 60_000 }, () => {
  it('sends readers there if it is told to, and logs that it did, and no URL', async () => {
    fake.account = await makeAccount(directory);
    const env = { ...variables(), GOOGLE_APPLICATION_CREDENTIALS: fake.account.file };
    const args = ['--redirect-downloads', 'links', '--log-level', 'debug', '--admin-listen', '127.0.0.1:0'];
    const served = startServe(dataDir, args, env);
    const { http, admin } = await served.ready;
    await filled();
    const headers = { 'artifacta-redirect': 'allow' };
    const artifact = (name: string) => `http://${String(http)}/v1/sessions/s/artifacts/${name}`;
    const answer = await fetch(artifact('large.bin'), { headers, redirect: 'manual' });
    expect(answer.status).toBe(307);
    const bytes = Buffer.from(await (await fetch(answer.headers.get('location')!)).arrayBuffer());
    expect(bytes.equals(await readFile(join(directory, 'in', 'large.bin')))).toBe(true);
    expect(await (await fetch(artifact('small.txt'), { headers })).text()).toBe('hello\n');
    const { stdout: link } = await run('share', 's/large.bin');
    const shared = await fetch(link.trim(), { redirect: 'manual' });
    expect([shared.status, shared.headers.get('artifacta-size')]).toEqual([307, '9000000']);
    const metrics = await (await fetch(`http://${String(admin)}/metrics`)).text();
    for (const method of ['artifacta.v1.ArtifactService/DownloadArtifact', 'http/GetSharedContent'])
      expect(metrics).toContain(`artifacta_redirects_total{method="${method}",transport="network"} 1`);
    await expect.poll(() => served.lines.filter(({ redirected }) => redirected === true).length).toBe(2);
    expect(JSON.stringify(served.lines)).not.toContain('Goog');
    expect(served.warnings()).toEqual([]);
  });

  it('does not start if it is to send readers to no bucket', async () => {
    const served = startServe(dataDir, ['--redirect-downloads', 'clients']);
    expect(await served.ended).toBe(2);
    expect(served.stderr()).toContain(
      '--redirect-downloads: must be off, or the contents must be in a bucket',
    );
  });

  it('is not ready while the bucket is forbidden, and is ready again by itself', async () => {
    const served = startServe(dataDir, ['--admin-listen', '127.0.0.1:0'], variables());
    const { admin } = await served.ready;
    await filled();
    const ready = async () => (await fetch(`http://${String(admin)}/readyz`)).status;
    expect(await ready()).toBe(200);
    fake.forbidden.add('read');
    const refused = await run('cat', 's/small.txt');
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('may not be used') });
    expect(refused.stderr).not.toContain('DATA_LOSS');
    expect(await ready()).toBe(503);
    expect(served.warnings()).toEqual([expect.stringContaining(`${place} may not be used (read): 403`)]);
    fake.forbidden.clear();
    await expect.poll(ready).toBe(200);
    expect(await run('cat', 's/small.txt')).toMatchObject({ code: 0, stdout: 'hello\n' });
  });

  it('goes on after the bucket was down, and stays ready meanwhile', async () => {
    const served = startServe(dataDir, ['--admin-listen', '127.0.0.1:0'], variables());
    const { admin } = await served.ready;
    fake.isDown = true;
    const push = run('push', join(directory, 'in'), '--session', 's');
    await expect.poll(() => fake.count('create')).toBeGreaterThan(1);
    expect((await fetch(`http://${String(admin)}/readyz`)).status).toBe(200);
    fake.isDown = false;
    expect(await push).toMatchObject({ code: 0 });
    await expectPulled('pulled');
  });

  it('loses nothing that it has acknowledged when it is killed', async () => {
    const served = startServe(dataDir, [], variables());
    await served.ready;
    await filled();
    served.child.kill('SIGKILL');
    await served.ended;
    await expectPulled('pulled');
  });
});

async function exportNow(socket: string) {
  using opening = openTransport(`unix:${socket}`);
  return await createClient(MaintenanceService, opening.transport).export({ minAge: { seconds: 0n } });
}

const segments = () =>
  [...fake.buckets.bucket('bucket').values()].filter(({ name }) => name.startsWith('team/store/segments/'));

/** Resolves when every commit of the service until now is in the bucket. */
async function shipped(socket: string): Promise<void> {
  using opening = openTransport(`unix:${socket}`);
  const { status } = await createClient(AdminService, opening.transport).getStoreStatus({});
  const last = () => {
    const newest = segments()
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .at(-1);
    return newest === undefined ? 0 : decodeSegment(newest.name, newest.bytes).batches.at(-1)!.commit.seq;
  };
  await expect.poll(last, { timeout: 20_000 }).toBeGreaterThanOrEqual(Number(status!.commitNumber));
}

/** Resolves with the line that says that the store is in recovery. */
async function recovery(served: ReturnType<typeof startServe>) {
  const found = () => served.lines.find(({ msg }) => msg === 'in recovery');
  await expect.poll(found).toBeDefined();
  return found()!;
}
