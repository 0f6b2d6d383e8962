/** Starting and ending the listeners. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, createClient } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health_pb.ts';
import { Readiness } from '../../src/server/readiness.ts';
import { openRig, pathOf } from './fake-service.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';
import { answerOf, eventually, framed, openRawConnection } from './grpc/raw-call.ts';

const MiB = 1024 * 1024;

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-server-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

describe('the windows', () => {
  it('are as wide as the options say, for streams and for the connection', async () => {
    for (const windowBytes of [undefined, 2 * MiB]) {
      await using server = await startTestServer(() => {}, windowBytes === undefined ? {} : { windowBytes });
      await using raw = await openRawConnection(server.addresses.grpc);
      await eventually(() => raw.session.remoteSettings.maxFrameSize === MiB);
      const expected = windowBytes ?? 4 * MiB;
      expect(raw.session.remoteSettings.initialWindowSize).toBe(expected);
      expect(raw.session.remoteSettings.maxConcurrentStreams).toBe(100);
      // What the server lets this side send on the connection.
      await eventually(() => raw.session.state.remoteWindowSize === expected);
    }
  });
});

describe('health', () => {
  it('is told for all and for each service, and not for others', async () => {
    await using rig = await openRig({});
    using opening = openTransport(rig.server.addresses.grpc);
    const client = createClient(Health, opening.transport);
    for (const service of ['', 'artifacta.v1.ArtifactService', 'grpc.health.v1.Health'])
      expect((await client.check({ service })).status).toBe(Status.SERVING);
    await expect(client.check({ service: 'no.such.Service' })).rejects.toMatchObject({ code: Code.NotFound });
    for await (const { status } of client.watch({ service: 'no.such.Service' })) {
      expect(status).toBe(Status.SERVICE_UNKNOWN);
      break;
    }
  });

  it('tells of the process itself under a name of its own, whatever the service does', async () => {
    const readiness = new Readiness();
    await using rig = await openRig({}, { readiness });
    using opening = openTransport(rig.server.addresses.grpc);
    const client = createClient(Health, opening.transport);
    const told = async () => [
      (await client.check({ service: 'liveness' })).status,
      (await client.check({ service: '' })).status,
    ];
    expect(await told()).toEqual([Status.SERVING, Status.NOT_SERVING]);
    readiness.set('serving');
    expect(await told()).toEqual([Status.SERVING, Status.SERVING]);
    readiness.set('recovery');
    expect(await told()).toEqual([Status.SERVING, Status.NOT_SERVING]);
  });

  it('is not serving from the beginning of the drain, and calls still pass during the grace', async () => {
    await using rig = await openRig({ getArtifact: () => ({}) }, { graceMs: 60_000 });
    using opening = openTransport(rig.server.addresses.grpc);
    const client = createClient(Health, opening.transport);
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({})) seen.push(status);
    })();
    await eventually(() => seen.length === 1);
    void rig.server.drain();
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    await rig.client.getArtifact({});
    await eventually(() => seen.length === 2);
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
    // The watch ends by itself when the grace does, and holds nothing up.
    await rig.server.force();
    await watching;
  });
});

describe('a drain', () => {
  it('lets calls under way end and takes no new ones', async () => {
    const release = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    await using rig = await openRig({
      getArtifact: async () => {
        entered.resolve();
        await release.promise;
        return { artifact: { id: 'late' } };
      },
    });
    const call = rig.client.getArtifact({});
    await entered.promise;
    const drained = rig.server.drain();
    expect(rig.server.drain()).toBe(drained);
    await eventually(() => rig.server.readiness.phase === 'stopping');
    await expect(openRawConnection(rig.server.addresses.grpc)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    release.resolve();
    expect((await call).artifact?.id).toBe('late');
    expect(await drained).toEqual({ brokenOff: 0 });
  });

  it('ends at once with idle connections', async () => {
    await using rig = await openRig({}, { drainMs: 60_000 });
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    expect(await rig.server.drain()).toEqual({ brokenOff: 0 });
    await eventually(() => raw.session.closed);
  });

  it('ends the watches of health itself', async () => {
    await using rig = await openRig({}, { drainMs: 60_000 });
    using opening = openTransport(rig.server.addresses.grpc);
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of createClient(Health, opening.transport).watch({})) seen.push(status);
    })();
    await eventually(() => seen.length === 1);
    expect(await rig.server.drain()).toEqual({ brokenOff: 0 });
    await watching;
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  });

  it.each(['time', 'force'])('breaks off a stream that never ends: by %s', async (by) => {
    const reason = Promise.withResolvers<unknown>();
    const entered = Promise.withResolvers<void>();
    await using rig = await openRig(
      {
        uploadArtifact: async (requests, { signal }) => {
          signal.addEventListener('abort', () => reason.resolve(signal.reason), { once: true });
          entered.resolve();
          for await (const _ of requests);
          return {};
        },
      },
      { drainMs: by === 'time' ? 50 : 600_000 },
    );
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    stream.write(framed(Buffer.alloc(0)));
    await entered.promise;
    const answer = answerOf(stream);
    const drained = rig.server.drain();
    if (by === 'force') void rig.server.force();
    expect(await drained).toEqual({ brokenOff: 1 });
    expect(await reason.promise).toMatchObject({ code: Code.Unavailable });
    expect((await answer).status).toBe(String(Code.Unavailable));
  });
});

describe('an address', () => {
  it('that is taken is named, and nothing stays open', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    await expect(startTestServer(() => {}, { grpc: { host: '127.0.0.1', port } })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the address is in use`,
    );
  });
});

describe('the socket', () => {
  it('is in a directory that only its owner may enter, and goes with the server', async () => {
    const socket = join(await temporaryDirectory(), 'run', 'sock');
    {
      await using server = await startTestServer(() => {}, { socket });
      expect(server.addresses.socket).toBe(socket);
      expect((await stat(join(socket, '..'))).mode & 0o777).toBe(0o700);
      using opening = openTransport(`unix:${socket}`);
      expect((await createClient(Health, opening.transport).check({})).status).toBe(Status.SERVING);
      await expect(startTestServer(() => {}, { socket })).rejects.toThrow(/another process listens/);
    }
    await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('replaces one that a dead process has left', async () => {
    const socket = join(await temporaryDirectory(), 'sock');
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(socket)})`,
    ]);
    await eventually(() => stat(socket).catch(() => undefined), 10_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await using server = await startTestServer(() => {}, { socket });
    expect(server.addresses.socket).toBe(socket);
  });

  it('is refused where others could enter, where something else is, and where its path is too long', async () => {
    const directory = await temporaryDirectory();
    const open = join(directory, 'open');
    await mkdir(open, { mode: 0o755 });
    await writeFile(join(directory, 'file'), '');
    const start = (socket: string) => startTestServer(() => {}, { socket });
    await expect(start(join(open, 'sock'))).rejects.toThrow(/must be open only to its owner: run "chmod 700/);
    await expect(start(join(directory, 'file'))).rejects.toThrow(/something else/);
    await expect(start(join(directory, 'x'.repeat(120)))).rejects.toThrow(/must have at most 10[37] bytes/);
  });

  it.each([
    ['0777', 0o777],
    ['1777', 0o1777],
    ['2775', 0o2775],
  ])('says where it may be in a directory with the mode %s, which containers share', async (_name, mode) => {
    const shared = join(await temporaryDirectory(), 'shared');
    await mkdir(shared);
    await chmod(shared, mode);
    const start = (socket: string) => startTestServer(() => {}, { socket });
    const error = await start(join(shared, 'sock')).then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    );
    const [, named] = /or start with --socket (\S+) \(the service/.exec(error.message) ?? [];
    expect(named).toBe(join(shared, 'own', 'sock'));
    // And again, as after a restart.
    for (const _of of ['the first', 'the second']) {
      await using server = await start(named!);
      expect(server.addresses.socket).toBe(named);
      expect((await stat(join(shared, 'own'))).mode & 0o7777).toBe(0o700);
    }
  });
});
