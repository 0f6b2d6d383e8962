/** The HTTP listener over TLS: HTTP/1.1 and HTTP/2 on one port, and what a PUT needs where nothing marks its end. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { ReceivedBytes } from '../../../src/api/receiving/received-bytes.ts';
import { afterRealTime } from '../../../src/api/timer.ts';
import { Tls } from '../../../src/server/tls.ts';
import { byName, download, refusal, sha256, someBytes, uploadMessages } from '../../support/calls.ts';
import { Authority, hasOpenssl, replace } from '../../support/certificates.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { eventually } from '../grpc/raw-call.ts';
import { openHttpRig } from './listeners.ts';
import { parseError } from './raw.ts';
import { askWithHead } from './spoken-head.ts';

let directory: string;
let authority: Authority;
let second: Authority;

const content = someBytes(3 * 1024 * 1024);
const target = '/v1/sessions/s/artifacts/a';

describe.skipIf(!hasOpenssl())('over TLS', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'artifacta-tls-'));
    authority = new Authority(directory);
    second = new Authority(directory, 'second');
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function opened(
    store: Parameters<typeof openHttpRig>[0] = {},
    server: Parameters<typeof openHttpRig>[1] = {},
  ) {
    const pair = authority.issue('served');
    const tls = await Tls.open(pair, {
      warn: (message) => expect.unreachable(message),
      after: () => () => {},
    });
    onTestFinished(() => tls[Symbol.dispose]());
    const rig = await openHttpRig(store, { ...server, tls });
    const url = rig.url.replace('http:', 'https:');
    const session = connect(url, { ca: authority.pem });
    session.on('error', () => {});
    onTestFinished(async () => {
      session.destroy();
      // The clients of the rig speak in clear: nothing but the store is asked.
      await closeChecked(rig);
    });
    return { rig, url, session, tls, pair };
  }

  function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders) {
    const stream = session.request(headers);
    const answered = new Promise<Record<string, string>>((resolve, reject) => {
      stream.once('response', (found) => resolve(found as unknown as Record<string, string>));
      stream.once('error', reject);
    });
    answered.catch(() => undefined);
    return { stream, answered };
  }

  const putting = (headers: OutgoingHttpHeaders) => ({ ':method': 'PUT', ':path': target, ...headers });

  it('answers on a connection on which three hundred downloads were given up', async () => {
    const { session } = await opened();
    const put = ask(session, putting({ 'content-length': String(content.length) }));
    put.stream.end(content);
    expect((await put.answered)[':status']).toBe(201);
    for (let at = 0; at < 300; at++) {
      const { stream, answered } = ask(session, { ':path': target });
      expect([at, (await answered)[':status']]).toEqual([at, 200]);
      // It has as much as its window lets through, and the service has the next piece to send.
      await once(stream, 'readable');
      stream.on('error', () => undefined).close(constants.NGHTTP2_CANCEL);
      await once(stream, 'close');
    }
    expect((await ask(session, { ':method': 'HEAD', ':path': target }).answered)[':status']).toBe(200);
  });

  it.each<[string, [string, string][]]>([
    [
      'two authorizations',
      [
        [':authority', 'localhost'],
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ],
    ],
    [
      'two content types',
      [
        [':authority', 'localhost'],
        ['content-type', 'application/proto'],
      ],
    ],
    [
      'two hosts that differ',
      [
        [':authority', 'localhost'],
        ['host', 'evil.example'],
      ],
    ],
  ])('refuses %s by HTTP/2', async (what, headers) => {
    const { rig } = await opened();
    const { hostname: host, port } = new URL(rig.url);
    const socket = connectTls({ host, port: Number(port), ca: authority.pem, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    const answer = await askWithHead(socket, [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':path', pathOf('GetArtifact')],
      ...headers,
      ['content-type', 'application/json'],
    ]);
    expect(answer.headers[':status']).toBe(400);
    const field = what.includes('host') ? 'host' : what.includes('types') ? 'content-type' : 'authorization';
    expect(parseError(answer.body).message).toBe(`${field}: must be given only once`);
    expect(rig.calls).toEqual([]);
  });

  it.each(['1.1', '2'] as const)('serves Connect and gRPC-Web by HTTP/%s', async (httpVersion) => {
    const { rig, url } = await opened();
    const options = { baseUrl: url, httpVersion, nodeOptions: { ca: authority.pem } };
    for (const create of [createConnectTransport, createGrpcWebTransport]) {
      const artifacts = createClient(ArtifactService, create(options));
      const name = create.name;
      await artifacts.uploadArtifact(uploadMessages({ session: 's', name }, content));
      const back = await download({ ...rig, artifacts }, { artifact: byName('s', name) });
      expect(Buffer.compare(back.bytes, content)).toBe(0);
      const sealed = artifacts.uploadArtifact(uploadMessages({ session: '../s', name }, content));
      expect((await refusal(sealed)).reason).toBe('INVALID_ARGUMENT');
    }
  });

  it('takes a PUT by HTTP/1.1, and a new certificate without a restart', async () => {
    const { url, tls, pair } = await opened();
    const put = (ca: Buffer, name: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = { method: 'PUT', ca, agent: false } as const;
        const request = httpsRequest(`${url}/v1/sessions/s/artifacts/${name}`, options, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        request.once('error', reject).end(content);
      });
    expect(await put(authority.pem, 'a')).toBe(201);
    replace(pair, second.issue('other'));
    expect(await tls.reload()).toBe(true);
    await expect(put(authority.pem, 'b')).rejects.toThrow(/certificate/);
    expect(await put(second.pem, 'b')).toBe(201);
  });

  it('takes a PUT by HTTP/2 with a length or a digest, and asks for one without', async () => {
    const { session } = await opened();
    const digest = `sha-256=:${Buffer.from(sha256(content), 'hex').toString('base64')}:`;
    for (const headers of [{ 'content-length': content.length }, { 'content-digest': digest }]) {
      const { stream, answered } = ask(session, putting(headers));
      stream.end(content);
      expect([200, 201]).toContain((await answered)[':status']);
      const { artifact } = JSON.parse(await textOf(stream)) as { artifact: { sha256: string } };
      expect(artifact.sha256).toBe(sha256(content));
    }
    const { stream, answered } = ask(session, putting({}));
    stream.write('x');
    expect((await answered)[':status']).toBe(411);
    expect(parseError(await textOf(stream))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['content-length'],
    });
  });

  it.each([
    ['at its start', '/v1/sessions/s/artifacts/a?metadata.a=1', 400],
    ['in the middle', target, 413],
  ])(
    'keeps nothing of PUTs by HTTP/2 that are refused %s, while their connection stays',
    async (_, path, status) => {
      const received = new ReceivedBytes({ after: afterRealTime });
      const { session } = await opened({ artifactBytesMax: 256 * 1024 }, { received });
      const digest = `sha-256=:${Buffer.from(sha256(content), 'hex').toString('base64')}:`;
      const refused: ReturnType<typeof ask>['stream'][] = [];
      for (let at = 0; at < 5; at++) {
        const { stream, answered } = ask(session, {
          ...putting({ 'content-digest': digest }),
          ':path': path,
        });
        stream.on('error', () => {});
        stream.write(content); // and no end
        expect((await answered)[':status']).toBe(status);
        expect(parseError(await textOf(stream))).toMatchObject({ reason: expect.any(String) });
        refused.push(stream);
      }
      await eventually(() => received.bytes === 0);
      // More than the window of a stream: the rest is read, and dropped.
      const more = Buffer.alloc(8 * 1024 ** 2);
      for (const stream of refused) await new Promise((resolve) => stream.write(more, resolve));
      expect(received.bytes).toBe(0);
      await Promise.all(refused.map((stream) => once(stream.end(), 'close')));
      const { stream, answered } = ask(session, putting({ 'content-length': 4 }));
      stream.end('more');
      expect((await answered)[':status']).toBe(201);
      stream.resume();
      expect(session.destroyed).toBe(false);
    },
  );

  it.each<[string, OutgoingHttpHeaders, (stream: ReturnType<typeof ask>['stream']) => void]>([
    ['ends before its length', { 'content-length': 10 }, (stream) => stream.end('half')],
    [
      'is reset with NO_ERROR',
      { 'content-length': 10 },
      (stream) => stream.close(constants.NGHTTP2_NO_ERROR),
    ],
    ['is reset with CANCEL', { 'content-length': 10 }, (stream) => stream.close(constants.NGHTTP2_CANCEL)],
    [
      'is not what its digest says',
      { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` },
      (stream) => stream.end('half'),
    ],
    ['ends with the connection', { 'content-length': 10 }, (stream) => stream.session?.destroy()],
  ])('stores nothing of a PUT that %s', async (_, headers, end) => {
    const { rig, session } = await opened();
    const arrived = once(rig.server.httpServer!, 'request');
    const { stream } = ask(session, putting(headers));
    stream.on('error', () => {});
    stream.write('half');
    await arrived;
    end(stream);
    await eventually(() => rig.calls.length === 1);
    expect(rig.calls[0]?.outcome).not.toBe('OK');
    expect(rig.server.unexpected).toEqual([]);
    expect(rig.blobs.stagedCount).toBe(0);
  });

  it('checks the name and the origin by HTTP/2 too', async () => {
    const { rig, session, url } = await opened();
    const get = { ':path': '/v1/artifacts/art_x/content' };
    const statusOf = async (headers: OutgoingHttpHeaders) => {
      const { stream, answered } = ask(session, { ...get, ...headers });
      stream.resume();
      return (await answered)[':status'];
    };
    expect(await statusOf({ ':authority': 'evil.example' })).toBe(403);
    expect(await statusOf({ origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf({ origin: url.replace('https:', 'http:') })).toBe(403);
    expect(rig.calls).toEqual([]);
    expect(await statusOf({ origin: url })).toBe(400);
  });

  it('drains both', async () => {
    const { rig, session } = await opened();
    const arrived = once(rig.server.httpServer!, 'request');
    const { stream, answered } = ask(session, putting({ 'content-length': 4 }));
    stream.write('ha');
    await arrived;
    const drained = rig.server.drain();
    await eventually(() => rig.server.readiness.phase === 'stopping');
    stream.end('lf');
    expect((await answered)[':status']).toBe(201);
    stream.resume();
    expect(await drained).toEqual({ brokenOff: 0 });
    await eventually(() => session.closed);
  });
});
