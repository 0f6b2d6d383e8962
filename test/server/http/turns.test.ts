/** Requests of one HTTP/1.1 connection are answered one after another, whatever is sent ahead. */
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { openAdminListener } from '../../../src/server/admin-listener.ts';
import { Readiness } from '../../../src/server/readiness.ts';
import type { ServerOptions } from '../../../src/server/server.ts';
import type { Methods } from '../fake-service.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { eventually } from '../grpc/raw-call.ts';
import { openTestTls } from '../tls-listeners.ts';
import { head, openSocket } from './raw.ts';

const MiB = 1024 * 1024;
const http = { host: '127.0.0.1', port: 0 };

/** More than the sockets' own buffers take. */
const large = 24;

/** A service whose downloads are of so many MiB each, and count themselves. */
function downloads(chunks = 1) {
  const seen = { begun: 0, running: 0, atOnce: 0 };
  const methods: Methods = {
    async *downloadArtifact() {
      seen.begun++;
      seen.running++;
      seen.atOnce = Math.max(seen.atOnce, seen.running);
      try {
        const artifact = {
          sizeBytes: BigInt(chunks * MiB),
          sha256: '0'.repeat(64),
          contentType: 'text/plain',
          name: 'n',
        };
        yield { part: { case: 'artifact', value: artifact } };
        const value = Buffer.alloc(MiB, 'x');
        for (let at = 0; at < chunks; at++) yield { part: { case: 'chunk', value } };
      } finally {
        seen.running--;
      }
    },
  };
  return { seen, methods };
}

async function serving(methods: Methods, options: Partial<ServerOptions> = {}) {
  const server = await startTestServer((router) => router.service(ArtifactService, methods), {
    http,
    ...options,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const accepted: Socket[] = [];
  const event = options.tls === undefined ? 'connection' : 'secureConnection';
  server.httpServer!.on(event, (socket: Socket) => accepted.push(socket));
  return { server, accepted, url: `http://${server.addresses.http}` };
}

const get = (url: string) => head(url, 'GET /v1/artifacts/art_1/content HTTP/1.1');

/** All that was sent has been read by the server, and so every request that it holds has been handed over. */
async function isRead(accepted: readonly Socket[], bytes: number): Promise<void> {
  await eventually(() => (accepted[0]?.bytesRead ?? 0) >= bytes);
}

/** Reads until so many answers have come, of so many MiB each; all have heads of one length. */
async function receive(socket: Socket, answers: number, chunks = 1): Promise<void> {
  let [headBytes, bytes] = [0, 0];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (bytes === 0) headBytes = chunk.indexOf('\r\n\r\n') + 4;
    bytes += chunk.length;
    if (bytes === answers * (headBytes + chunks * MiB)) return;
  }
  expect.unreachable(`closed after ${bytes} bytes`);
}

it('one handler runs for a connection on which 4 requests were sent ahead, and all are answered', async () => {
  const { seen, methods } = downloads(large);
  const { accepted, url } = await serving(methods);
  const socket = await openSocket(url);
  const text = get(url).repeat(4);
  socket.write(text);
  await isRead(accepted, text.length);
  expect(seen).toMatchObject({ begun: 1, atOnce: 1 });
  // What was handed to the connection is no more than one answer.
  expect(accepted[0]!.writableLength).toBeLessThanOrEqual(MiB + 4096);
  await receive(socket, 4, large);
  expect(seen).toMatchObject({ begun: 4, atOnce: 1 });
});

it('over TLS too', async () => {
  const { seen, methods } = downloads();
  using tls = await openTestTls();
  const { server, url } = await serving(methods, { tls });
  const socket = connectTls({
    host: '127.0.0.1',
    port: Number(server.addresses.http!.split(':').at(-1)),
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  onTestFinished(() => void socket.destroy());
  socket.write(get(url).repeat(16));
  await receive(socket, 16);
  expect(seen).toMatchObject({ begun: 16, atOnce: 1 });
});

it('whoever sends more ahead is cut off, and what was begun for it ends', async () => {
  const { seen, methods } = downloads();
  const { server, url } = await serving(methods);
  const socket = await openSocket(url);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined).resume();
  socket.write(get(url).repeat(1_000));
  await closed;
  await eventually(() => seen.running === 0);
  expect(seen.begun).toBeLessThanOrEqual(1);
  expect(await server.drain()).toEqual({ brokenOff: 0 });
});

it('a connection that is lost takes its waiting requests with it', async () => {
  const { seen, methods } = downloads(large);
  const { server, accepted, url } = await serving(methods);
  const socket = await openSocket(url);
  const text = get(url).repeat(10);
  socket.write(text);
  await isRead(accepted, text.length);
  socket.destroy();
  await eventually(() => seen.running === 0);
  expect(seen.begun).toBe(1);
  expect(await server.drain()).toEqual({ brokenOff: 0 });
});

it('what follows whole requests and is no HTTP is answered after them', async () => {
  const { methods } = downloads();
  const { url } = await serving(methods);
  const socket = await openSocket(url);
  socket.write(`${get(url).repeat(3)}nonsense\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) text += (chunk as Buffer).toString('latin1').replaceAll('x', '');
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array(3).fill('HTTP/1.1 200'), 'HTTP/1.1 400']);
});

it('the admin listener gathers its figures for one request of a connection at a time', async () => {
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  await using service = await openAdminListener({
    address: http,
    readiness: new Readiness(),
    metrics: async () => {
      begun++;
      await gate.promise;
      return { contentType: 'text/plain', body: 'a 1\n' };
    },
    onUnexpectedError: (error) => expect.unreachable(String(error)),
  });
  const socket = await openSocket(`http://${service.address}`);
  // The second connection's answer comes after what the first has sent was taken.
  socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10));
  await eventually(() => begun > 0);
  expect((await fetch(`http://${service.address}/healthz`)).status).toBe(200);
  expect(begun).toBe(1);
  gate.resolve();
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.split('a 1\n').length > 10) break;
  }
  expect(begun).toBe(10);
});
