/** Connections after answers that are given at once, and what of a refused body is read so that they can be seen. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServerOptions } from '../../../src/server/server.ts';
import { someBytes } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { eventually } from '../grpc/raw-call.ts';
import { openTestTls } from '../tls-listeners.ts';
import { openHttpRig } from './listeners.ts';
import { head, openSocket, parseAnswer } from './raw.ts';

const MiB = 1024 * 1024;
const app = 'https://app.example.org';
const ways = ['in clear', 'over TLS'] as const;

/** A listener, the connections that it has taken, and how a socket to it is opened. */
async function opened(way: (typeof ways)[number] = 'in clear', options: Partial<ServerOptions> = {}) {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  const tls = way === 'in clear' ? undefined : stack.use(await openTestTls());
  const rig = await openHttpRig(
    { artifactBytesMax: MiB },
    { corsOrigins: [app], ...(tls === undefined ? {} : { tls }), ...options },
  );
  stack.defer(() => closeChecked(rig));
  const accepted: Socket[] = [];
  rig.server.httpServer!.on('connection', (socket: Socket) => accepted.push(socket));
  const open = async (): Promise<Socket> => {
    if (tls === undefined) return await openSocket(rig.url);
    const port = Number(new URL(rig.url).port);
    const alpn = { ALPNProtocols: ['http/1.1'], rejectUnauthorized: false };
    const socket = connectTls({ port, host: '127.0.0.1', ...alpn });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  return { rig, accepted, open };
}

interface Seen {
  readonly status: number;
  readonly connection: string | null;
}

/** The answers on a socket, each as long as it says. */
async function* answersOn(socket: Socket): AsyncGenerator<Seen, undefined> {
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1');
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) break;
      const { status, headers } = parseAnswer(text);
      const length = end + 4 + Number(headers.get('content-length'));
      if (text.length < length) break;
      text = text.slice(length);
      yield { status, connection: headers.get('connection') };
    }
  }
}

/** Resolves when the bytes are handed over, or nobody takes them any more. */
function write(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

const preflight = ['Access-Control-Request-Method: PUT', `Origin: ${app}`];
const json = 'Content-Type: application/json';

/** What is answered before anything of a body is looked at, and with which status. */
const atOnce: readonly [string, number, [string, ...string[]], string?][] = [
  ['a preflight', 204, ['OPTIONS /v1/sessions/s/artifacts/a HTTP/1.1', ...preflight]],
  ['a path with nothing', 404, ['GET /nothing HTTP/1.1']],
  ['a link that opens nothing', 404, ['GET /s/x HTTP/1.1']],
  ['an artifact that does not exist', 404, ['GET /v1/sessions/s/artifacts/a HTTP/1.1']],
  ['a method that is not answered', 405, ['DELETE /v1/sessions/s/artifacts/a HTTP/1.1']],
  ['a page that may not call', 403, ['GET / HTTP/1.1', 'Origin: https://evil.example']],
  ['a host that is another', 403, ['GET / HTTP/1.1', 'Host: evil.example']],
  ['two hosts', 400, ['GET / HTTP/1.1', 'Host: localhost', 'Host: localhost']],
  ['no content type', 415, [`POST ${pathOf('GetArtifact')} HTTP/1.1`, 'Content-Length: 0']],
  ['a length of nothing', 404, ['POST /nothing HTTP/1.1', 'Content-Length: 0']],
  ['a short body', 404, ['POST /nothing HTTP/1.1', 'Content-Length: 5'], 'hello'],
  ['a short body of a call', 415, [`POST ${pathOf('GetArtifact')} HTTP/1.1`, 'Content-Length: 2'], '{}'],
  [
    'a bad deadline',
    400,
    [`POST ${pathOf('GetArtifact')} HTTP/1.1`, json, 'Connect-Timeout-Ms: x', 'Content-Length: 2'],
    '{}',
  ],
];

describe.each(ways)('%s, a connection is kept after', (way) => {
  it.each(atOnce)('%s', async (_what, status, lines, body = '') => {
    const { rig, accepted, open } = await opened(way);
    const socket = await open();
    const answers = answersOn(socket);
    const request = head(rig.url, ...lines);
    const expected = { value: { status, connection: 'keep-alive' }, done: false };
    for (let at = 0; at < 3; at++) {
      socket.write(request + body);
      expect(await answers.next()).toEqual(expected);
    }
    // Sent ahead.
    socket.write((request + body).repeat(3));
    for (let at = 0; at < 3; at++) expect(await answers.next()).toEqual(expected);
    // The body after the answer, and another request.
    socket.write(request);
    expect(await answers.next()).toEqual(expected);
    socket.write(`${body}${head(rig.url, 'GET /nothing HTTP/1.1')}`);
    expect((await answers.next()).value).toMatchObject({ status: 404 });
    expect(accepted).toHaveLength(1);
  });
});

describe.each(ways)('%s, a refused upload', (way) => {
  const bodies: readonly [
    string,
    (size: number) => string,
    (piece: Uint8Array) => (Uint8Array | string)[],
    string,
  ][] = [
    ['with its length', (size) => `Content-Length: ${size}`, (piece) => [piece], ''],
    [
      'in chunks',
      () => 'Transfer-Encoding: chunked',
      (piece) => [`${piece.length.toString(16)}\r\n`, piece, '\r\n'],
      '0\r\n\r\n',
    ],
  ];
  const refusals: readonly [string, [string, ...string[]], number][] = [
    ['a PUT to a bad name', ['PUT /v1/sessions/s/artifacts/a//b HTTP/1.1'], 400],
    ['a PUT that is too large', ['PUT /v1/sessions/s/artifacts/a HTTP/1.1'], 413],
    ['a PUT with a coding', ['PUT /v1/sessions/s/artifacts/a HTTP/1.1', 'Content-Encoding: gzip'], 415],
    ['a POST to nowhere', ['POST /nothing HTTP/1.1'], 404],
    ['a PUT that asks first', ['PUT /v1/sessions/s/artifacts/a//b HTTP/1.1', 'Expect: 100-continue'], 400],
    [
      'a call with another content type',
      [`POST ${pathOf('UploadArtifact')} HTTP/1.1`, 'Content-Type: a/b'],
      415,
    ],
    [
      'a PUT from a page that may not',
      ['PUT /v1/sessions/s/artifacts/a HTTP/1.1', 'Origin: https://x.example'],
      403,
    ],
  ];

  it.each(bodies)(
    '%s is read to its end, so that whoever sends first sees the answer',
    async (_, said, wrap, last) => {
      const size = 48 * MiB;
      const piece = someBytes(MiB);
      for (const [what, lines, status] of refusals) {
        const { rig, accepted, open } = await opened(way);
        const socket = await open();
        const failures: Error[] = [];
        socket.on('error', (error) => failures.push(error));
        socket.write(head(rig.url, ...lines, said(size)));
        await eventually(() => accepted.length === 1);
        for (let sent = 0; sent < size; sent += piece.length)
          for (const part of wrap(piece)) await write(socket, part);
        await write(socket, last);
        const seen = await Array.fromAsync(answersOn(socket));
        expect([what, seen, failures]).toEqual([what, [{ status, connection: 'close' }], []]);
        await eventually(() => accepted[0]!.closed);
        expect(accepted[0]!.bytesRead).toBeGreaterThan(size);
      }
    },
  );

  /** What the libraries answer before they have read the body. It begins with a message without a field. */
  const calls: readonly [string, string, string][] = [
    ['a stream of Connect', 'application/connect+proto', 'UploadArtifact'],
    ['gRPC-Web', 'application/grpc-web+proto', 'UploadArtifact'],
    ['a message of Connect that is too large', 'application/proto', 'GetArtifact'],
    ['a message in JSON that is too large', 'application/json', 'GetArtifact'],
  ];

  it.each(calls.flatMap((call) => [[...call, 'no deadline'] as const, [...call, 'a bad deadline'] as const]))(
    'as %s, of %s by %s with %s, is read too, and the connection is kept',
    async (_what, contentType, method, deadline) => {
      const { rig, open } = await opened(way);
      const socket = await open();
      const failures: Error[] = [];
      socket.on('error', (error) => failures.push(error));
      const size = 48 * MiB;
      const lines = [`Content-Type: ${contentType}`, `Content-Length: ${size}`];
      if (deadline === 'a bad deadline') lines.push('Connect-Timeout-Ms: x', 'Grpc-Timeout: x');
      socket.write(head(rig.url, `POST ${pathOf(method)} HTTP/1.1`, ...lines));
      const piece = new Uint8Array(MiB);
      for (let sent = 0; sent < size; sent += piece.length) await write(socket, piece);
      socket.write(head(rig.url, 'GET /nothing HTTP/1.1', 'Connection: close'));
      const answers = (await textOf(socket)).match(/HTTP\/1.1 \d+/g);
      expect([answers, failures]).toEqual([[expect.stringMatching(/ (200|400|429)$/), 'HTTP/1.1 404'], []]);
    },
  );

  it.each(['application/connect+proto', 'application/grpc-web+proto'])(
    'by %s, that the handler has begun to read, leaves the connection to the next request at once',
    async (contentType) => {
      const { rig, open } = await opened(way);
      const socket = await open();
      const failures: Error[] = [];
      socket.on('error', (error) => failures.push(error));
      // A start without a session, and a chunk behind it.
      const start = Buffer.from([0, 0, 0, 0, 4, 0x0a, 0x02, 0x0a, 0x00]);
      const chunk = Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0x10]), new Uint8Array(256 * 1024)]);
      const prefix = Buffer.from([0, 0, 0, 0, 0]);
      prefix.writeUInt32BE(chunk.length, 1);
      const body = Buffer.concat([start, prefix, chunk]);
      const lines = [`Content-Type: ${contentType}`, `Content-Length: ${body.length}`] as const;
      await write(socket, head(rig.url, `POST ${pathOf('UploadArtifact')} HTTP/1.1`, ...lines));
      await write(socket, body);
      await write(socket, head(rig.url, 'GET /nothing HTTP/1.1', 'Connection: close'));
      const answers = (await textOf(socket)).match(/HTTP\/1.1 \d+/g);
      expect([answers, failures]).toEqual([['HTTP/1.1 200', 'HTTP/1.1 404'], []]);
    },
  );

  const notKept = [
    ['HTTP/1.0', []],
    ['HTTP/1.1', ['Connection: close']],
  ] as const;
  it.each(calls.flatMap((call) => notKept.map((connection) => [...call, ...connection] as const)))(
    'as %s, of %s by %s, is read too by %s where the connection is not kept (%j)',
    async (_what, contentType, method, version, lines) => {
      const { rig, open } = await opened(way);
      const socket = await open();
      const failures: Error[] = [];
      socket.on('error', (error) => failures.push(error));
      const size = 48 * MiB;
      const asked = [`Content-Type: ${contentType}`, `Content-Length: ${size}`, ...lines] as const;
      socket.write(head(rig.url, `POST ${pathOf(method)} ${version}`, ...asked));
      const piece = new Uint8Array(MiB);
      for (let sent = 0; sent < size; sent += piece.length) await write(socket, piece);
      const { status, body } = parseAnswer(await textOf(socket));
      expect([status, body.length > 0, failures]).toEqual([expect.any(Number), true, []]);
      expect([200, 400, 429]).toContain(status);
      // By either the end of the answer is that of the connection, and nothing is put into its body.
      expect(body).not.toMatch(/^[0-9a-f]+\r\n/);
    },
  );

  it('does not hold up the end of the service for long', async () => {
    const { rig, open } = await opened(way, { drainMs: 600_000 });
    const socket = await open();
    socket.on('error', () => {});
    socket.write(head(rig.url, 'PUT /v1/sessions/s/artifacts/a//b HTTP/1.1', `Content-Length: ${MiB}`));
    await answersOn(socket).next();
    expect(await rig.server.drain()).toEqual({ brokenOff: 0 });
  });
});
