/**
 * Every transport, every way in which an upload can end: what is not complete leaves nothing to see, nothing staged and
 * nothing charged. What cannot be is named in the table, with the reason.
 */
import { once } from 'node:events';
import { mkdtemp, readdir } from 'node:fs/promises';
import { Agent } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { type CallOptions, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../gen/artifacta/v1/upload_pb.ts';
import { Admission } from '../../src/api/admission.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { routes } from '../../src/api/routes.ts';
import { afterRealTime } from '../../src/api/timer.ts';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { Tls } from '../../src/server/tls.ts';
import { refusal, someBytes, type UploadMessage } from '../support/calls.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';
import { removeDirectory } from '../support/directories.ts';
import { openTestStore, type TestStore } from '../support/service.ts';
import { pathOf } from './fake-service.ts';
import { startTestServer, type TestServer } from './grpc/listeners.ts';
import { eventually, framed } from './grpc/raw-call.ts';
import { RawHttp2 } from './http/raw-http2.ts';

const chunk = someBytes(256 * 1024);
const hasTls = hasOpenssl();
let directory: string;
let opened: TestStore;
let blobs: BlobStore;
let admission: Admission;
let clear: TestServer;
let secure: TestServer | undefined;
let authority: Authority | undefined;
let all: ReturnType<typeof routes>;
const calls: CallRecord[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-matrix-'));
  blobs = await openDiskBlobs({ root: join(directory, 'blobs') });
  opened = await openTestStore({ blobs, inlineBytesMax: 0 });
  const elapsed = () => performance.now();
  admission = new Admission({ after: afterRealTime, elapsed });
  all = routes({ store: () => opened.store, onCall: (call) => calls.push(call), elapsed, admission });
  const http = { host: '127.0.0.1', port: 0 };
  clear = await startTestServer(all, { http, socket: join(directory, 'run', 'sock') });
  if (!hasTls) return;
  authority = new Authority(directory);
  const tls = await Tls.open(authority.issue('served'), { warn: () => undefined, after: () => () => {} });
  secure = await startTestServer(all, { http, tls });
});

afterAll(async () => {
  await clear[Symbol.asyncDispose]();
  await secure?.[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  removeDirectory(directory);
});

/** A client of one listener, and how its connection is cut. */
interface Way {
  readonly transport: Transport;
  readonly cut: () => void;
}

function overHttp2(make: typeof createGrpcTransport, baseUrl: string, options: object = {}): Way {
  const sessionManager = new Http2SessionManager(baseUrl, {}, options);
  const transport = make({ baseUrl, sessionManager, httpVersion: '2', acceptCompression: [] } as never);
  return { transport, cut: () => sessionManager.abort() };
}

function overHttp1(make: typeof createConnectTransport, useBinaryFormat = true): Way {
  const agent = new Agent({ keepAlive: true });
  const baseUrl = `http://${clear.addresses.http}`;
  const options = { baseUrl, httpVersion: '1.1' as const, nodeOptions: { agent }, useBinaryFormat };
  return { transport: make(options), cut: () => agent.destroy() };
}

const tlsOptions = () => ({ ca: authority?.pem });
const listeners: Record<string, () => Way> = {
  memory: () => ({ transport: createRouterTransport(all), cut: () => undefined }),
  'the local socket': () =>
    overHttp2(createGrpcTransport, 'http://localhost', {
      createConnection: () => connectTcp(clear.addresses.socket!),
    }),
  gRPC: () => overHttp2(createGrpcTransport, `http://${clear.addresses.grpc}`),
  'gRPC over TLS': () => overHttp2(createGrpcTransport, `https://${secure!.addresses.grpc}`, tlsOptions()),
  Connect: () => overHttp1(createConnectTransport),
  'Connect with JSON': () => overHttp1(createConnectTransport, false),
  'gRPC-Web': () => overHttp1(createGrpcWebTransport as typeof createConnectTransport),
  'Connect over HTTP/2 and TLS': () =>
    overHttp2(createConnectTransport as never, `https://${secure!.addresses.http}`, tlsOptions()),
  'gRPC-Web over HTTP/2 and TLS': () =>
    overHttp2(createGrpcWebTransport as never, `https://${secure!.addresses.http}`, tlsOptions()),
};

/** What the client does when half of its bytes are staged. */
interface Half {
  readonly way: Way;
  readonly cancellation: AbortController;
  /** Lets the producer go on: to the end, to fail, or to stop without finish. */
  readonly goOn: (how: 'finish' | 'fail' | 'stop') => void;
}

const endings: Record<string, { readonly act: (half: Half) => void; readonly options?: CallOptions }> = {
  complete: { act: ({ goOn }) => goOn('finish') },
  'the client cancels': { act: ({ cancellation }) => cancellation.abort() },
  'its deadline passes': { act: () => undefined, options: { timeoutMs: 300 } },
  'its connection is cut': { act: ({ way }) => way.cut() },
  'its producer dies': { act: ({ goOn }) => goOn('fail') },
  'it ends without finish': { act: ({ goOn }) => goOn('stop') },
};

const impossible: Record<string, string> = {
  'memory, its connection is cut': 'there is no connection within a process',
  'memory, RST_STREAM': 'there are no frames within a process',
  'HTTP/1.1, RST_STREAM': 'it has no streams that could be reset',
  'a plain PUT, its deadline passes': 'plain HTTP has no deadline',
};

let uploads = 0;

async function expectNothingLeft(session: string): Promise<void> {
  await eventually(() => calls.length > 0 && admission.uploadCount === 0);
  expect(calls).toHaveLength(1);
  expect(calls.map(({ outcome }) => outcome)).not.toContain('OK');
  await eventually(() => blobs.stagedCount === 0);
  expect(await readdir(join(directory, 'blobs', 'tmp'))).toEqual([]);
  expect(admission.unwrittenBytes).toBe(0);
  const reading = createClient(SessionService, createRouterTransport(all));
  expect((await refusal(reading.getSession({ session }))).reason).toBe('SESSION_NOT_FOUND');
  expect([...clear.unexpected, ...(secure?.unexpected ?? [])]).toEqual([]);
}

describe.each(Object.keys(listeners))('%s', (service) => {
  const needsTls = service.includes('TLS');
  it.each(Object.keys(endings))(
    'leaves nothing half done when: %s',
    async (ending, context = {} as never) => {
      void context;
      const reason = impossible[`${service}, ${ending}`];
      if (reason !== undefined || (needsTls && !hasTls)) {
        process.stderr.write(`${service}, ${ending}: cannot be, ${reason ?? 'without openssl'}\n`);
        return;
      }
      calls.length = 0;
      const session = `s${uploads++}`;
      const way = listeners[service]!();
      const cancellation = new AbortController();
      const next = Promise.withResolvers<'finish' | 'fail' | 'stop'>();
      async function* produce(): AsyncGenerator<UploadMessage> {
        yield { part: { case: 'start', value: { spec: { session, name: 'a' } } } };
        yield { part: { case: 'chunk', value: chunk } };
        const how = await next.promise;
        if (how === 'fail') throw new Error('the producer died');
        if (how === 'finish') yield { part: { case: 'finish', value: { sizeBytes: BigInt(chunk.length) } } };
      }
      const { act, options } = endings[ending]!;
      const answer = createClient(ArtifactService, way.transport)
        .uploadArtifact(produce(), { signal: cancellation.signal, ...options })
        .then(
          () => 'stored',
          () => 'refused',
        );
      await eventually(() => blobs.stagedCount === 1);
      act({ way, cancellation, goOn: next.resolve });
      expect(await answer).toBe(ending === 'complete' ? 'stored' : 'refused');
      next.resolve('stop');
      if (ending === 'complete') {
        expect(calls.map(({ outcome }) => outcome)).toEqual(['OK']);
        expect(admission.uploadCount).toBe(0);
      } else await expectNothingLeft(session);
      way.cut();
    },
  );
});

/** Frames by hand: a client library ends a stream before it resets it, and a reset alone is another thing. */
const rawListeners: Record<
  string,
  { readonly address: () => string; readonly tls: boolean; readonly type: string }
> = {
  gRPC: { address: () => clear.addresses.grpc, tls: false, type: 'application/grpc' },
  'gRPC over TLS': { address: () => secure!.addresses.grpc, tls: true, type: 'application/grpc' },
  'Connect over TLS': {
    address: () => secure!.addresses.http!,
    tls: true,
    type: 'application/connect+proto',
  },
  'gRPC-Web over TLS': {
    address: () => secure!.addresses.http!,
    tls: true,
    type: 'application/grpc-web+proto',
  },
};

const rawEndings: Record<string, (socket: Socket, raw: RawHttp2) => void> = {
  'RST_STREAM with NO_ERROR': (_, raw) => raw.reset(1, 0),
  'RST_STREAM with CANCEL': (_, raw) => raw.reset(1, 8),
  'a socket that is destroyed': (socket) => void socket.destroy(),
  'a FIN': (socket) => void socket.end(),
};

describe.each(Object.keys(rawListeners))('%s, in raw frames', (service) => {
  const { address, tls, type } = rawListeners[service]!;
  it.skipIf(tls && !hasTls).each(Object.keys(rawEndings))('leaves nothing after %s', async (ending) => {
    calls.length = 0;
    const session = `r${uploads++}`;
    const [host, port] = address().split(':') as [string, string];
    const where = { host, port: Number(port) };
    const socket = tls
      ? connectTls({ ...where, ca: authority!.pem, ALPNProtocols: ['h2'] })
      : connectTcp(where);
    await once(socket, tls ? 'secureConnect' : 'connect');
    const raw = new RawHttp2(socket);
    raw.headers(1, {
      ':method': 'POST',
      ':scheme': tls ? 'https' : 'http',
      ':path': pathOf('UploadArtifact'),
      ':authority': address(),
      'content-type': type,
      te: 'trailers',
    });
    const start = { case: 'start' as const, value: { spec: { session, name: 'a' } } };
    for (const part of [start, { case: 'chunk' as const, value: chunk.subarray(0, 40_000) }])
      raw.data(
        1,
        framed(toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, { part }))),
      );
    await eventually(() => blobs.stagedCount === 1);
    rawEndings[ending]!(socket, raw);
    await expectNothingLeft(session);
    socket.destroy();
  });
});

describe('a plain PUT', () => {
  const framings: Record<string, { readonly head: string; readonly body: Buffer }> = {
    'with a length': { head: `Content-Length: ${chunk.length * 2}`, body: Buffer.from(chunk) },
    'in chunks': {
      head: 'Transfer-Encoding: chunked',
      body: Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    },
  };
  const ends: Record<string, (socket: Socket) => void> = {
    'its socket is destroyed': (socket) => void socket.destroy(),
    'its connection is reset': (socket) => void socket.resetAndDestroy(),
    'a FIN comes half way': (socket) => void socket.end(),
  };
  for (const [framing, { head, body }] of Object.entries(framings))
    it.each(Object.keys(ends))(`${framing} leaves nothing when: %s`, async (ending) => {
      calls.length = 0;
      const session = `p${uploads++}`;
      const [host, port] = clear.addresses.http!.split(':') as [string, string];
      const socket = connectTcp(Number(port), host);
      socket.on('error', () => undefined).resume();
      socket.write(`PUT /v1/sessions/${session}/artifacts/a HTTP/1.1\r\nHost: ${host}\r\n${head}\r\n\r\n`);
      socket.write(body);
      await eventually(() => blobs.stagedCount === 1);
      ends[ending]!(socket);
      await expectNothingLeft(session);
      socket.destroy();
    });
});
