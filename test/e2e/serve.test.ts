/** The service as a process: what it prints, how it stops, what it keeps. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../server/grpc/raw-call.ts';
import { someBytes, uploadMessages } from '../support/calls.ts';
import { removeDirectory } from '../support/directories.ts';
import { clientFor, launcher, startServe } from './serve-process.ts';

async function newDataDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-serve-'));
  onTestFinished(() => removeDirectory(directory));
  return join(directory, 'data');
}

/** Runs a command to its end. */
function run(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(launcher, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

/** Once it is answered, the service has seen what was sent before on the same connection. */
async function roundTrip(client: ReturnType<typeof clientFor>): Promise<void> {
  await expect(client.getArtifact({})).rejects.toMatchObject({ code: Code.InvalidArgument });
}

describe('artifacta serve', () => {
  it('says when it is ready and where, and leaves with 0 on SIGTERM', async () => {
    const dataDir = await newDataDir();
    const server = startServe(dataDir);
    const ready = await server.ready;
    expect(ready).toMatchObject({ level: 'info', admin: null, data_dir: dataDir });
    for (const service of [ready.grpc, ready.http]) expect(service).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(ready.socket).toBe(join(dataDir, 'run', 'sock'));
    for (const path of [dataDir, join(dataDir, 'run')]) expect((await stat(path)).mode & 0o777).toBe(0o700);
    const byTcp = clientFor(String(ready.grpc));
    const bytes = someBytes(100_000);
    const { artifact } = await byTcp.uploadArtifact(uploadMessages({ session: 's', name: 'n' }, bytes));
    const bySocket = clientFor(`unix:${String(ready.socket)}`);
    const found = await bySocket.getArtifact({ artifact: { by: { case: 'id', value: artifact!.id } } });
    expect(found.artifact).toEqual(artifact);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(server.lines.map(({ msg }) => msg).slice(-2)).toEqual(['drained', 'stopped']);
    await expect(stat(String(ready.socket))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lets an upload that is under way end before it leaves', async () => {
    const server = startServe(await newDataDir());
    const client = clientFor(String((await server.ready).grpc));
    const goOn = Promise.withResolvers<void>();
    const sentSome = Promise.withResolvers<void>();
    const bytes = someBytes(200_000);
    const parts = async function* () {
      let at = 0;
      for await (const message of uploadMessages({ session: 's', name: 'n' }, bytes, 100_000)) {
        if (at++ === 2) {
          sentSome.resolve();
          await goOn.promise;
        }
        yield message;
      }
    };
    const uploading = client.uploadArtifact(parts());
    await sentSome.promise;
    await roundTrip(client);
    server.child.kill('SIGTERM');
    await eventually(() => server.lines.some(({ msg }) => msg.startsWith('draining')), 5_000);
    goOn.resolve();
    expect((await uploading).artifact?.sizeBytes).toBe(BigInt(bytes.length));
    expect(await server.ended).toBe(0);
  });

  it('breaks off what is under way on a second signal, and still leaves with 0', async () => {
    const server = startServe(await newDataDir(), ['--drain-seconds', '600']);
    const client = clientFor(String((await server.ready).grpc));
    const never = Promise.withResolvers<void>();
    const parts = async function* () {
      for await (const message of uploadMessages({ session: 's', name: 'n' }, someBytes(10))) {
        yield message;
        await roundTrip(client);
        server.child.kill('SIGINT');
        await never.promise;
      }
    };
    const uploading = client.uploadArtifact(parts()).catch((error: unknown) => error);
    await eventually(() => server.lines.some(({ msg }) => msg.startsWith('draining')), 5_000);
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(0);
    expect(await uploading).toBeInstanceOf(Error);
    expect(server.lines.find(({ msg }) => msg === 'drained')).toMatchObject({ brokenOff: 1 });
    never.resolve();
  });

  it('keeps what it has acknowledged through kill -9, and drops what it has not', async () => {
    const dataDir = await newDataDir();
    const first = startServe(dataDir);
    const client = clientFor(String((await first.ready).grpc));
    const ids: string[] = [];
    for (const size of [0, 10, 100_000]) {
      const spec = { session: 's', name: `n${size}` };
      const { artifact } = await client.uploadArtifact(uploadMessages(spec, someBytes(size)));
      ids.push(artifact!.id);
    }
    const sentSome = Promise.withResolvers<void>();
    const never = Promise.withResolvers<void>();
    const halfOfIt = async function* () {
      let at = 0;
      for await (const message of uploadMessages({ session: 's', name: 'half' }, someBytes(600_000))) {
        yield message;
        if (++at < 3) continue;
        sentSome.resolve();
        await never.promise;
      }
    };
    const half = client.uploadArtifact(halfOfIt()).catch((error: unknown) => error);
    await sentSome.promise;
    await eventually(async () => (await readdir(join(dataDir, 'tmp'))).length === 1, 5_000);
    first.child.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');
    expect(await half).toBeInstanceOf(Error);
    never.resolve();

    const second = startServe(dataDir);
    const ready = await second.ready;
    const again = clientFor(String(ready.grpc));
    expect(ready.stagingFiles).toBe(1);
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
    const { artifacts } = await again.listArtifacts({ session: 's' });
    expect(artifacts.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const parts: Uint8Array[] = [];
    for await (const { part } of again.downloadArtifact({ artifact: { by: { case: 'id', value: ids[2]! } } }))
      if (part.case === 'chunk') parts.push(part.value);
    expect(Buffer.compare(Buffer.concat(parts), someBytes(100_000))).toBe(0);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  it('refuses a data directory that another process has open, and names it', async () => {
    const dataDir = await newDataDir();
    const { socket } = await startServe(dataDir).ready;
    const { status, stdout, stderr } = run([
      'serve',
      '--data-dir',
      dataDir,
      '--grpc-listen',
      '127.0.0.1:0',
      '--admin-listen',
      'none',
      '--lock-wait-seconds',
      '0',
    ]);
    expect(stdout).toBe('');
    expect(status).toBe(1);
    expect(stderr).toBe(
      `artifacta: another process has the data directory open: ${dataDir}; it answers on ${socket}. ` +
        'Use that service, stop it, or give --data-dir another directory\n',
    );
  });

  it('refuses settings that cannot be used with exit code 2', () => {
    const { status, stderr, stdout } = run(['serve', '--grpc-listen', '0.0.0.0:0']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^artifacta: --grpc-listen: .*--insecure\n$/);
    expect(stdout).toBe('');
  });

  it('has no HTTP listener if told so, and says where it cannot have one', async () => {
    const first = startServe(await newDataDir());
    const { http } = await first.ready;
    const none = startServe(await newDataDir(), ['--http-listen', 'none']);
    expect((await none.ready).http).toBeNull();
    const second = startServe(await newDataDir(), ['--http-listen', String(http)]);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toBe(
      `artifacta: cannot listen on ${http}: the address is in use; choose another address with --http-listen\n`,
    );
  });

  it('serves the command line by HTTP too, and drains it', async () => {
    const server = startServe(await newDataDir());
    const url = `http://${(await server.ready).http}`;
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-push-'));
    onTestFinished(() => removeDirectory(directory));
    const file = join(directory, 'big.bin');
    // Above the size from which a file is named by its digest first.
    const bytes = someBytes(9 * 1024 * 1024);
    await writeFile(file, bytes);
    const env = { ARTIFACTA_URL: url };
    const pushed = run(['push', file, '--session', 's', '--json'], env);
    expect(pushed).toMatchObject({ status: 0 });
    const { id } = JSON.parse(pushed.stdout) as { id: string };
    expect(run(['pull', 's', '--to', join(directory, 'back')], env)).toMatchObject({ status: 0 });
    expect(Buffer.compare(await readFile(join(directory, 'back', 'big.bin')), bytes)).toBe(0);
    // Leaves an idle connection behind, which must not hold up the end.
    const got = await fetch(`${url}/v1/artifacts/${id}/content`);
    expect(Buffer.compare(Buffer.from(await got.arrayBuffer()), bytes)).toBe(0);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(server.lines.find(({ msg }) => msg === 'drained')).toMatchObject({ brokenOff: 0 });
    expect(server.stderr()).toBe('');
  });
});

describe('the command line', () => {
  it('uses the server on the socket, and without one the directory itself', async () => {
    const dataDir = await newDataDir();
    const server = startServe(dataDir);
    await server.ready;
    const env = { ARTIFACTA_DATA_DIR: dataDir };
    const pushed = run(['push', launcher, '--json'], env);
    expect(pushed).toMatchObject({ status: 0, stderr: expect.any(String) });
    const listed = run(['ls', '--json'], env);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(listed.status).toBe(0);
    expect(run(['ls', '--json'], env)).toEqual(listed);
  });

  it('is found through symbolic links, from anywhere', async () => {
    const directory = join(await newDataDir(), '..');
    await symlink(launcher, join(directory, 'one'));
    await symlink('one', join(directory, 'two'));
    const { status, stdout } = spawnSync('./two', ['--version'], { cwd: directory, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('names a setting that cannot be used, with exit code 2', () => {
    const { status, stderr } = run(['ls'], { ARTIFACTA_URL: 'ftp://nowhere' });
    expect(status).toBe(2);
    expect(stderr).toContain('ARTIFACTA_URL: must be');
  });
});
