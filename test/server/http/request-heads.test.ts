/** Heads of requests as Node reads them or does not: whoever breaks the protocol is told how, in JSON as of any error. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { text as textOf } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unreadable } from '../../../src/server/heads/request-heads.ts';
import type { ServerOptions } from '../../../src/server/server.ts';
import { create } from '../../support/calls.ts';
import { hasOpenssl } from '../../support/certificates.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { eventually } from '../grpc/raw-call.ts';
import { openTestTls } from '../tls-listeners.ts';
import { openHttpRig } from './listeners.ts';
import { exchangeRaw, head, openSocket, parseAnswer, parseError } from './raw.ts';

async function opened(options: Partial<ServerOptions> = {}) {
  const rig = await openHttpRig({}, options);
  onTestFinished(() => closeChecked(rig));
  return rig;
}

async function openedOverTls() {
  const tls = await openTestTls();
  onTestFinished(() => tls[Symbol.dispose]());
  const rig = await openHttpRig({}, { tls });
  onTestFinished(() => closeChecked(rig));
  return rig;
}

/** Sends bytes over TLS as HTTP/1.1, and reads until the server closes. */
async function exchangeTls(url: string, text: string) {
  const { hostname: host, port } = new URL(url);
  const socket = connectTls({
    host,
    port: Number(port),
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  socket.write(text, 'latin1');
  return parseAnswer(await textOf(socket));
}

const line = 'must be a method, a target and HTTP/1.1, with a space between each';
const length = 'must be given once, as a number of bytes, and not together with transfer-encoding';
const encoding = 'must be chunked, and not together with content-length';
const target = 'must be a path that begins with "/", or a URL that begins with http:// or https://';
const headers = 'must each be one line: a name, a colon and a value, in printable characters';
const method = 'must be a method of HTTP, in capital letters, e.g. GET, PUT or POST';
const version = 'must be HTTP/1.1 or HTTP/1.0 here';
const chunked = 'Transfer-Encoding: chunked';

const broken: readonly (readonly [sent: string, status: number, field: string, description: string])[] = [
  ['FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'method', method],
  ['get / HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'method', method],
  ['nonsense\r\n\r\n', 400, 'method', method],
  ['\x16\x03\x01\x02\x00\x01', 400, 'method', method],
  ['GET / HTTQ/1.1\r\n\r\n', 400, 'request line', line],
  ['GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'request line', line],
  ['GET / HTTP/3.0\r\nHost: localhost\r\n\r\n', 400, 'request line', line],
  ['GET / HTTP/1.1\nHost: localhost\n\n', 400, 'request line', line],
  ['GET / HTTP/2.0\r\nHost: localhost\r\nConnection: close\r\n\r\n', 505, 'version', version],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'version', version],
  ['GET a HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'request target', target],
  ['GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'request target', target],
  [
    'GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    400,
    'request target',
    target,
  ],
  ['OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400, 'request target', target],
  ['GET /\x80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400, 'request target', target],
  [
    'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    405,
    'method',
    'must not be CONNECT: this service is not a proxy',
  ],
  [
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
    400,
    'host',
    'must be given once, with the host name of the service',
  ],
  [
    `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n${chunked}\r\n\r\n`,
    400,
    'transfer-encoding',
    encoding,
  ],
  [
    `POST / HTTP/1.1\r\nHost: localhost\r\n${chunked}\r\nContent-Length: 1\r\n\r\n`,
    400,
    'content-length',
    length,
  ],
  [
    'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n',
    400,
    'transfer-encoding',
    encoding,
  ],
  [
    'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    400,
    'transfer-encoding',
    encoding,
  ],
  [
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
    'content-length',
    length,
  ],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400, 'content-length', length],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nno header\r\n\r\n', 400, 'headers', headers],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n', 400, 'headers', headers],
  ['GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x01\r\n\r\n', 400, 'headers', headers],
  [
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
    431,
    'headers',
    'must be fewer or smaller',
  ],
  [
    'PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\nConnection: close\r\n\r\n',
    417,
    'expect',
    'must be 100-continue',
  ],
];

describe.each([
  ['in clear', opened, exchangeRaw],
  ...(hasOpenssl() ? ([['over TLS', openedOverTls, exchangeTls]] as const) : []),
] as const)('a broken head %s', (_, open, exchange) => {
  it.each(broken)('%j is told so', async (sent, status, field, description) => {
    const rig = await open();
    const answer = await exchange(rig.url, sent);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(answer.body));
    expect(parseError(answer.body)).toEqual({
      code: 'invalid_argument',
      reason: 'INVALID_ARGUMENT',
      message: `${field}: ${description}`,
      fields: [field],
    });
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST, PUT');
    expect(rig.calls).toEqual([]);
    expect(rig.server.unexpected).toEqual([]);
  });
});

it('what is broken after a whole request is told so after its answer', async () => {
  const rig = await opened();
  const socket = await openSocket(rig.url);
  socket.write(`${head(rig.url, 'GET /nothing HTTP/1.1')}FOO / HTTP/1.1\r\n\r\n`);
  const received = await textOf(socket);
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 400']);
  expect(parseError(received.slice(received.lastIndexOf('{"code"'))).fields).toEqual(['method']);
});

describe('while an answer is being sent', () => {
  const path = '/v1/sessions/s/artifacts/a';
  const bytes = 32 * 1024 * 1024;

  it.each([
    ['a request that follows is told of after it', [], 'FOO / HTTP/1.1\r\n\r\n', true],
    ['its own body ends the connection, and nothing is put into it', [chunked], 'not hexadecimal\r\n', false],
  ])('what is broken in %s', async (_, lines, sent, isWhole) => {
    const rig = await opened();
    await fetch(`${rig.url}${path}`, { method: 'PUT', body: 'x'.repeat(bytes) });
    const socket = await openSocket(rig.url);
    socket.on('error', () => undefined).pause();
    socket.write(head(rig.url, `GET ${path} HTTP/1.1`, ...lines));
    await once(socket, 'readable');
    socket.write(sent);
    if (!isWhole) await eventually(() => rig.calls.at(-1)?.outcome === 'CANCELLED');
    let received = 0;
    let told = false;
    socket.on('data', (data: Buffer) => {
      received += data.length;
      told ||= data.includes('invalid_argument');
    });
    await once(socket, 'close');
    expect([told, received > bytes]).toEqual([isWhole, isWhole]);
  });
});

describe('a target that is a whole URL', () => {
  const call = (url: string, asked: string, ...lines: readonly string[]) =>
    exchangeRaw(url, head(url, `GET ${asked} HTTP/1.1`, ...lines, 'Connection: close'));

  it('is the path within it, on every route', async () => {
    const rig = await opened();
    await create(rig, { session: 's', name: 'a' }, 'content');
    const { host } = new URL(rig.url);
    const path = '/v1/sessions/s/artifacts/a';
    for (const before of [`http://${host}`, `HTTP://${host}`, `https://${host}`, 'http://localhost']) {
      const answer = await call(rig.url, `${before}${path}`);
      expect([answer.status, answer.body]).toEqual([200, 'content']);
    }
    const query = `encoding=json&message=${encodeURIComponent('{"session":"s"}')}`;
    expect((await call(rig.url, `http://${host}${pathOf('ListArtifacts')}?${query}`)).status).toBe(200);
    expect((await call(rig.url, `http://${host}/v1/sessions/s/artifacts/none`)).status).toBe(404);
    for (const none of ['', '?x=y', '/?x=y'])
      expect((await call(rig.url, `http://${host}${none}`)).status).toBe(404);
  });

  it('counts before Host, for what names and origins are let in', async () => {
    const rig = await opened();
    const path = pathOf('ListArtifacts');
    const known = new URL(rig.url).host;
    expect((await call(rig.url, `http://evil.example${path}`)).status).toBe(403);
    expect((await call(rig.url, `http://${known}@evil.example${path}`)).status).toBe(400);
    expect((await call(rig.url, `http://evil.example:80@${known}${path}`)).status).toBe(400);
    expect((await call(rig.url, `http:///${path}`)).status).toBe(400);
    expect(rig.calls).toEqual([]);
    // What Host says then is of no account (RFC 9112, 3.2.2).
    const served = await call(rig.url, `http://${known}/v1/sessions/s/artifacts/a`, 'Host: evil.example');
    expect(parseError(served.body).reason).toBe('SESSION_NOT_FOUND');
    const page = await call(
      rig.url,
      `http://localhost${path}`,
      'Host: evil.example',
      'Origin: http://evil.example',
    );
    expect(page.status).toBe(403);
    const twice = await call(rig.url, `http://${known}${path}`, 'Host: a', 'Host: b');
    expect(parseError(twice.body).fields).toEqual(['host']);
  });

  it('needs a Host beside it by HTTP/1.1, and none by HTTP/1.0', async () => {
    const rig = await opened();
    const asked = `GET ${rig.url}/v1/sessions/s/artifacts/a`;
    const without = await exchangeRaw(rig.url, `${asked} HTTP/1.1\r\nConnection: close\r\n\r\n`);
    expect([without.status, parseError(without.body).fields]).toEqual([400, ['host']]);
    const old = await exchangeRaw(rig.url, `${asked} HTTP/1.0\r\n\r\n`);
    expect(parseError(old.body).reason).toBe('SESSION_NOT_FOUND');
  });
});

describe.skipIf(!hasOpenssl())('over HTTP/2', () => {
  async function ask(fields: Record<string, string>) {
    const rig = await openedOverTls();
    const session = connectHttp2(rig.url.replace('http:', 'https:'), { rejectUnauthorized: false });
    onTestFinished(() => session.destroy());
    const stream = session.request(fields, { endStream: true });
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
    return { status: answer[':status'], ...parseError(await textOf(stream)) };
  }

  it('"*" and CONNECT are told so', async () => {
    expect(await ask({ ':method': 'OPTIONS', ':path': '*' })).toMatchObject({
      status: 400,
      fields: ['request target'],
    });
    expect(await ask({ ':method': 'CONNECT', ':authority': 'localhost:80' })).toMatchObject({
      status: 405,
      fields: ['method'],
    });
    expect(await ask({ ':path': '/', expect: 'more' })).toMatchObject({ status: 417, fields: ['expect'] });
  });
});

it('a request that takes too long, and whoever has gone, have words of their own', () => {
  expect(unreadable('ERR_HTTP_REQUEST_TIMEOUT')).toMatchObject({ status: 408, field: 'request' });
  expect(unreadable('HPE_CHUNK_EXTENSIONS_OVERFLOW')).toMatchObject({ status: 413 });
  expect(unreadable('HPE_THAT_NODE_MAY_GET')).toMatchObject({ status: 400, field: 'request' });
  expect(unreadable('ECONNRESET')).toBeUndefined();
});
