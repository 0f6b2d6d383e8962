/** On every transport: requests that stay half way keep no more than there is room for, and uploads wait for it. */
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { ReceivedBytes } from '../../src/api/receiving/received-bytes.ts';
import { type After, afterRealTime } from '../../src/api/timer.ts';
import { sha256, someBytes, uploadMessages } from '../support/calls.ts';
import { removeDirectory } from '../support/directories.ts';
import { openTestStore, testRoutes } from '../support/service.ts';
import { startTestServer } from './grpc/listeners.ts';
import { eventually, framed } from './grpc/raw-call.ts';
import { openTestTls } from './tls-listeners.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const listeners = [
  'gRPC',
  'gRPC over TLS',
  'a Unix socket',
  'HTTP/1.1',
  'HTTP/1.1 over TLS',
  'HTTP/2',
] as const;
type ListenerName = (typeof listeners)[number];
const path = (method: string) => `/${ArtifactService.typeName}/${method}`;

async function opened(service: ListenerName, received: ReceivedBytes) {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  const { store } = stack.use(await openTestStore());
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-received-'));
  stack.defer(() => removeDirectory(directory));
  const tls = service.endsWith('TLS') || service === 'HTTP/2' ? stack.use(await openTestTls()) : undefined;
  const socketPath = join(directory, 'sock');
  const options = { http: { host: '127.0.0.1', port: 0 }, tls, socket: socketPath, received };
  const { addresses } = stack.use(await startTestServer(testRoutes(store, []), options));
  const isGrpc = service.startsWith('gRPC') || service === 'a Unix socket';
  const [host, port] = (isGrpc ? addresses.grpc : addresses.http!).split(':') as [string, string];
  const baseUrl =
    service === 'a Unix socket' ? 'http://x' : `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  const nodeOptions = { rejectUnauthorized: false };
  const http2Options = {
    ...nodeOptions,
    // With more than 10 MB that wait to be sent, Node's client otherwise refuses the answers to its own calls.
    maxSessionMemory: 1_000,
    ...(service === 'a Unix socket' ? { createConnection: () => connect(socketPath) } : {}),
  };
  /** A connection of its own. */
  const transport = (): Transport => {
    if (service.startsWith('HTTP/1.1'))
      return createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions });
    const sessionManager = new Http2SessionManager(baseUrl, {}, http2Options);
    stack.defer(() => sessionManager.abort());
    const http2 = { baseUrl, httpVersion: '2' as const, sessionManager, acceptCompression: [] };
    return isGrpc ? createGrpcTransport(http2) : createConnectTransport(http2);
  };
  /** Brings so much of a request on a connection of its own, and no end. Its answer is put into `answers`. */
  const half = async (method: string, bytes: number, answers: string[]): Promise<() => void> => {
    const isStream = method === 'UploadArtifact';
    const body = Buffer.alloc(bytes);
    // The head of a message, which is larger.
    if (isGrpc || isStream) body.writeUInt32BE(MiB, 1);
    const type = isGrpc ? 'application/grpc' : isStream ? 'application/connect+proto' : 'application/proto';
    if (service.startsWith('HTTP/1.1')) {
      const at = { host, port: Number(port), ...nodeOptions };
      const socket = tls === undefined ? connect(at) : connectTls({ ...at, ALPNProtocols: ['http/1.1'] });
      socket.on('error', () => undefined).once('data', (data) => answers.push(`${data}`));
      await once(socket, tls === undefined ? 'connect' : 'secureConnect');
      const head = [`POST ${path(method)} HTTP/1.1`, 'host: localhost', `content-type: ${type}`];
      socket.write(`${head.join('\r\n')}\r\ncontent-length: ${MiB + 5}\r\n\r\n`);
      socket.write(body);
      return () => socket.destroy();
    }
    const session = connectHttp2(baseUrl, http2Options);
    session.on('error', () => undefined);
    const headers = { ':method': 'POST', ':path': path(method), 'content-type': type, te: 'trailers' };
    const stream = session.request(headers);
    stream.on('error', () => undefined);
    stream.once('response', (answer) => {
      const told = isGrpc
        ? Buffer.from(`${answer['grpc-status-details-bin']}`, 'base64').toString('latin1')
        : '';
      answers.push(`${answer[':status']} ${answer['grpc-status']} ${told}`);
    });
    stream.on('data', (data) => answers.push(`${data}`));
    stream.write(body);
    return () => session.destroy();
  };
  const streams = (count: number) => {
    const session = connectHttp2(baseUrl, http2Options);
    stack.defer(() => session.destroy());
    return uploadsOn(session, isGrpc, count);
  };
  return { transport, half, streams };
}

/** Opens uploads on one connection of HTTP/2. */
function uploadsOn(session: ClientHttp2Session, isGrpc: boolean, count: number): ClientHttp2Stream[] {
  const type = isGrpc ? 'application/grpc' : 'application/connect+proto';
  const headers = {
    ':method': 'POST',
    ':path': path('UploadArtifact'),
    'content-type': type,
    te: 'trailers',
  };
  return Array.from({ length: count }, () => session.request(headers).on('error', () => undefined));
}

describe.each(listeners)('%s', (service) => {
  it.each(['ListArtifacts', 'UploadArtifact'])('bounds what half requests of %s keep', async (method) => {
    const bytesMax = 4 * MiB;
    // Ten times as impatient.
    const after: After = (ms, task) => afterRealTime(ms / 10, task);
    const received = new ReceivedBytes({ after, bytesFree: MiB, bytesMax });
    const { transport, half } = await opened(service, received);
    const answers: string[] = [];
    const ends = await Promise.all(Array.from({ length: 12 }, () => half(method, 400 * KiB, answers)));
    await eventually(() => received.endedCount >= 2, 15_000);
    // Others at the same address are served meanwhile.
    const { artifact } = await createClient(ArtifactService, transport()).createArtifact({
      spec: { session: 's', name: 'n' },
      content: { case: 'data', value: Buffer.from('x') },
    });
    expect(artifact?.name).toBe('n');
    expect(received.bytesPeak).toBeLessThanOrEqual(bytesMax);
    await eventually(() => answers.join('').includes('OVERLOADED'), 15_000);
    for (const end of ends) end();
    await eventually(() => received.bytes === 0 && received.stoppedCount === 0, 15_000);
  });

  it('lets uploads wait for room, and takes all of them', async () => {
    const received = new ReceivedBytes({ after: afterRealTime, bytesFree: 512 * KiB, bytesMax: 8 * MiB });
    const { transport } = await opened(service, received);
    const contents = Array.from({ length: 8 }, (_, at) => someBytes(3 * MiB, at + 1));
    const pushed = await Promise.all(
      contents.map(async (bytes, at) => {
        const client = createClient(ArtifactService, transport());
        const isStreamed = at % 2 === 0;
        if (isStreamed)
          return client.uploadArtifact(uploadMessages({ session: 's', name: `n${at}` }, bytes, MiB));
        const value = bytes.subarray(0, MiB);
        return client.createArtifact({
          spec: { session: 's', name: `n${at}` },
          content: { case: 'data', value },
        });
      }),
    );
    const stored = contents.map((bytes, at) => sha256(at % 2 === 0 ? bytes : bytes.subarray(0, MiB)));
    expect(pushed.map(({ artifact }) => artifact?.sha256)).toEqual(stored);
    expect(received.endedCount).toBe(0);
    await eventually(() => received.bytes === 0, 15_000);
  });
});

/** The transports on which one connection has several uploads. */
const severalAtOnce = listeners.filter((service) => !service.startsWith('HTTP/1.1'));

it.each(severalAtOnce)(
  '%s: takes uploads on one connection that send a little of each in turn',
  async (service) => {
    const bytesMax = 8 * MiB;
    const received = new ReceivedBytes({ after: afterRealTime, bytesFree: 2 * MiB, bytesMax });
    const { transport, streams } = await opened(service, received);
    // Sixteen messages of 1 MiB grow at the same time: twice what there is room for.
    const contents = Array.from({ length: 16 }, (_, at) => someBytes(MiB, at + 1));
    const bodies = await Promise.all(
      contents.map(async (bytes, at) =>
        Buffer.concat(
          (await Array.fromAsync(uploadMessages({ session: 's', name: `n${at}` }, bytes, MiB))).map(
            (message) =>
              framed(
                Buffer.from(
                  toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, message)),
                ),
              ),
          ),
        ),
      ),
    );
    const uploads = streams(bodies.length);
    const sliceBytes = 32 * KiB;
    for (let from = 0; from < bodies[0]!.length; from += sliceBytes)
      for (const [at, body] of bodies.entries()) {
        // Without the wait, Node sends one upload after the other.
        const sent = Promise.withResolvers<unknown>();
        uploads[at]!.write(body.subarray(from, from + sliceBytes), sent.resolve);
        await sent.promise;
      }
    await Promise.all(
      uploads.map(async (stream) => {
        stream.resume().end();
        await once(stream, 'close');
      }),
    );
    const { artifacts } = await createClient(ArtifactService, transport()).listArtifacts({ pageSize: 100 });
    const digests = new Map(artifacts.map(({ name, sha256: digest }) => [name, digest]));
    expect(contents.map((_, at) => digests.get(`n${at}`))).toEqual(contents.map(sha256));
    expect(received.endedCount).toBe(0);
    expect(received.bytesPeak).toBeLessThanOrEqual(bytesMax);
    await eventually(() => received.bytes === 0, 15_000);
  },
);

it.each(severalAtOnce)(
  '%s: keeps nothing of uploads that are refused while they come, although their connection stays',
  async (service) => {
    const received = new ReceivedBytes({ after: afterRealTime });
    const { streams } = await opened(service, received);
    const start = { part: { case: 'start', value: { spec: { session: '', name: 'n' } } } } as const;
    const refused = framed(
      Buffer.from(toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, start))),
    );
    const uploads = streams(5);
    await Promise.all(
      uploads.map(async (stream) => {
        const ended = once(stream.resume(), 'end');
        stream.write(refused);
        stream.write(Buffer.alloc(3 * MiB)); // and no end
        await ended;
      }),
    );
    await eventually(() => received.bytes === 0, 15_000);
    expect(uploads[0]!.session?.destroyed).not.toBe(true);
  },
);
