/** A damaged store at the command line: what it says, how it is exported, restored, accepted and repaired. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.ts';
import { openTransport } from '../server/grpc/listeners.ts';
import { someBytes } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { clientFor, startServe } from './serve-process.ts';

interface Place {
  readonly directory: string;
  readonly dataDir: string;
  run(...args: string[]): ReturnType<typeof artifacta>;
}

const asProcess = (...args: string[]) => start(args).ended;

/** A store with a small and a large artifact. */
async function filled(command: typeof asProcess = artifacta): Promise<Place> {
  const directory = await newDirectory();
  const dataDir = join(directory, 'data');
  const run = (...args: string[]) => command(...args, '--data-dir', dataDir);
  await writeFile(join(directory, 'small.txt'), 'a small one');
  await writeFile(join(directory, 'large.bin'), someBytes(200_000));
  for (const name of ['small.txt', 'large.bin'])
    expect(await run('push', join(directory, name), '--session', 's')).toMatchObject({ code: 0 });
  return { directory, dataDir, run };
}

async function expectWhole({ directory, run }: Place): Promise<void> {
  expect(await run('pull', 's', '--to', join(directory, 'pulled'))).toMatchObject({ code: 0 });
  for (const name of ['small.txt', 'large.bin'])
    expect(
      (await readFile(join(directory, 'pulled', name))).equals(await readFile(join(directory, name))),
    ).toBe(true);
}

async function lossId({ run }: Place): Promise<string> {
  const { code, stdout } = await run('fsck');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^state +recovery$/m);
  return /^lost +([0-9a-f]{16}) /m.exec(stdout)![1]!;
}

describe('a store whose index is damaged', () => {
  it('says so to every command, and what to do', async () => {
    const place = await filled();
    await rm(join(place.dataDir, 'index', 'CURRENT'));
    const { code, stderr } = await place.run('ls', 's');
    expect(code).toBe(4);
    expect(stderr).toMatch(/CURRENT is missing \(STORE_IN_RECOVERY\)\n.*artifacta fsck/);
    const push = await place.run('push', join(place.directory, 'small.txt'), '--session', 't');
    expect(push).toMatchObject({ code: 4, stderr: expect.stringContaining('STORE_IN_RECOVERY') });
  });

  it('is served again as far as it is left, once the loss is accepted', async () => {
    // A command holds what is left of a damaged index until its process ends.
    const place = await filled(asProcess);
    await rm(join(place.dataDir, 'index', 'CURRENT'));
    expect(await place.run('fsck', '--accept-loss', '0123456789abcdef')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ETAG_MISMATCH'),
    });
    const accepted = await place.run('fsck', '--accept-loss', await lossId(place));
    expect(accepted).toMatchObject({ code: 0, stdout: expect.stringMatching(/^state +serving$/m) });
    expect(accepted.stdout).toMatch(/^paused +inconsistent-\d+ /m);
    expect(await place.run('fsck', '--repair')).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('paused'),
    });
    await expectWhole(place);
    expect((await readdir(place.dataDir)).filter((name) => name.includes('rebuild'))).toEqual([]);
  });

  it('is restored from an export', async () => {
    const place = await filled();
    const file = join(place.directory, 'index.export');
    expect(await place.run('export', file)).toMatchObject({ code: 0 });
    expect(await place.run('export', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--force'),
    });
    await rm(join(place.dataDir, 'index'), { recursive: true });
    expect(await place.run('import', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('STORE_NOT_EMPTY'),
    });
    expect(await place.run('import', file, '--replace')).toMatchObject({ code: 0 });
    expect(await place.run('fsck', '--contents')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing is wrong'),
    });
    await expectWhole(place);
  });

  it('is restored on another machine, contents and all', async () => {
    const place = await filled();
    const { stdout } = await place.run('export', '-', '--quiet');
    expect(stdout.length).toBeGreaterThan(0);
    const file = join(place.directory, 'index.export');
    await place.run('export', file);
    await rm(join(place.dataDir, 'index'), { recursive: true });
    await rm(join(place.dataDir, 'index.mark'));
    // What is left are the contents, as if they alone had been copied.
    expect(await place.run('import', file)).toMatchObject({ code: 0 });
    await expectWhole(place);
  });

  it('is restored elsewhere with keys that wait until an operator has said so', {
    timeout: 120_000,
  }, async () => {
    const place = await filled();
    const key = (
      await place.run('keys', 'create', '--namespace', 'default', '--scope', 'read', '--quiet')
    ).stdout.trim();
    expect(key).toMatch(/^ark_/);
    const file = join(place.directory, 'index.export');
    await place.run('export', file);
    const elsewhere = ['--data-dir', join(place.directory, 'elsewhere')];
    const waits = /^paused +(imported-\d+) .*; 1 API key that came with it .* `artifacta fsck --resume \1`$/m;
    const { stdout } = await artifacta('import', file, ...elsewhere);
    expect(stdout).toMatch(waits);
    const server = startServe(elsewhere[1]!, ['--auth']);
    const client = clientFor(String((await server.ready).grpc));
    const asking = () => client.listArtifacts({}, { headers: { authorization: `Bearer ${key}` } });
    await expect(asking()).rejects.toThrow(
      'does not work until an operator runs "artifacta fsck --resume ID"',
    );
    expect(server.lines.find(({ msg }) => msg.startsWith('imported-'))).toMatchObject({ level: 'warn' });
    expect((await artifacta('fsck', '--repair', ...elsewhere)).stdout).toMatch(waits);
    const nothing = /no pause of maintenance has the id \S+; nothing was resumed/;
    const another = await artifacta('fsck', '--resume', 'longGap-1', ...elsewhere);
    expect(another).toMatchObject({ code: 0, stderr: expect.stringMatching(nothing) });
    const resumed = await artifacta('fsck', '--resume', waits.exec(stdout)![1]!, ...elsewhere);
    expect(resumed.stdout).not.toContain('paused');
    expect(resumed.stderr).not.toMatch(nothing);
    expect((await asking()).artifacts).toHaveLength(2);
  });

  it('refuses an export that was cut short or altered, and keeps what it has', async () => {
    const place = await filled();
    const file = join(place.directory, 'index.export');
    await place.run('export', file);
    const bytes = await readFile(file);
    const altered = Buffer.from(bytes);
    altered[bytes.length >> 1]! ^= 1;
    for (const wrong of [
      bytes.subarray(0, -1),
      bytes.subarray(0, -80),
      bytes.subarray(1),
      altered,
      Buffer.from('hello'),
      Buffer.alloc(0),
    ]) {
      await writeFile(file, wrong);
      const { code, stderr } = await place.run('import', file, '--replace');
      expect(code).toBe(1);
      expect(stderr).toMatch(/UPLOAD_INCOMPLETE|DIGEST_MISMATCH|SIZE_MISMATCH|INVALID_ARGUMENT/);
    }
    // A file that cannot be opened may end the process before the command has looked at it.
    const nowhere = join(place.directory, 'nowhere');
    expect(await asProcess('import', nowhere, '--data-dir', place.dataDir)).toMatchObject({ code: 1 });
    await expectWhole(place);
  });
});

describe('a service over a damaged index', () => {
  it('is live and not ready, tells callers why, and serves again without a restart', async () => {
    const place = await filled();
    await rm(join(place.dataDir, 'index', 'CURRENT'));
    const server = startServe(place.dataDir);
    await expect.poll(() => server.lines.at(-1)?.msg, { timeout: 15_000 }).toBe('in recovery');
    const ready = server.lines.at(-1)!;
    const byTcp = String(ready.grpc);
    await expect(
      clientFor(byTcp).getArtifact({
        artifact: { by: { case: 'id', value: 'art_01kdyak348e26sjq25jvf8pdhk' } },
      }),
    ).rejects.toThrow(/CURRENT is missing/);
    using tcp = openTransport(byTcp);
    const health = createClient(Health, tcp.transport);
    expect((await health.check({})).status).toBe(Serving.NOT_SERVING);
    await expect(createClient(AdminService, tcp.transport).getStoreStatus({})).rejects.toThrow(
      /only operators/,
    );
    const found = await place.run('fsck', '--json');
    const status = found.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .at(-1).status;
    expect(status).toMatchObject({ state: 'recovery' });
    expect(await place.run('fsck', '--accept-loss', status.losses[0].id)).toMatchObject({ code: 0 });
    expect((await health.check({})).status).toBe(Serving.SERVING);
    await expectWhole(place);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });
});

describe('fsck', () => {
  it('finds a content that is damaged, quarantines it, and sees that a push has healed it', async () => {
    const place = await filled();
    const files = (
      await readdir(join(place.dataDir, 'blobs'), { recursive: true, withFileTypes: true })
    ).filter((entry) => entry.isFile());
    const path = join(files[0]!.parentPath, files[0]!.name);
    const bytes = await readFile(path);
    bytes[1_000]! ^= 1;
    await writeFile(path, bytes);
    expect(await place.run('fsck')).toMatchObject({ code: 0 });
    expect(await place.run('fsck', '--contents')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('CONTENT_CORRUPT  not repairable'),
    });
    await place.run('fsck', '--contents', '--repair');
    expect(await place.run('cat', 's/large.bin')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('DATA_LOSS'),
    });
    expect(await place.run('push', join(place.directory, 'large.bin'), '--session', 's')).toMatchObject({
      code: 0,
    });
    expect(await place.run('fsck', '--contents')).toMatchObject({ code: 0 });
    await expectWhole(place);
  });
});
