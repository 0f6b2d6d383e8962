/** Which web pages may call, and under which names: a listener without authentication must not serve every browser. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { OriginGate } from '../../../src/server/http/origin-gate.ts';
import type { ServerOptions } from '../../../src/server/server.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { openHttpRig } from './listeners.ts';
import { exchangeRaw, head, parseError } from './raw.ts';

async function opened(options: Partial<ServerOptions> = {}) {
  const rig = await openHttpRig({}, options);
  onTestFinished(() => closeChecked(rig));
  const { port } = new URL(rig.url);
  /** A call of GetArtifact that reaches a handler if it may: the answer is then about the missing field. */
  const call = (...headers: readonly string[]) => {
    const lines = ['Content-Type: application/json', 'Content-Length: 2', 'Connection: close', ...headers];
    return exchangeRaw(rig.url, head(rig.url, `POST ${pathOf('GetArtifact')} HTTP/1.1`, ...lines), '{}');
  };
  return { rig, port, call };
}

const app = 'https://app.example.org';

describe('Host', () => {
  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '127.1.2.3', '[::1]', '[::1]:8080'])(
    '%s is this machine',
    async (host) => {
      const { rig, call } = await opened();
      expect((await call(`Host: ${host}`)).status).toBe(400);
      expect(rig.calls).toHaveLength(1);
    },
  );

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example:8080',
    '192.168.1.1',
    '0.0.0.0',
    'local.host',
  ])('%s is not, and reaches no handler', async (host) => {
    const { rig, call } = await opened();
    const answer = await call(`Host: ${host}`);
    expect(answer.status).toBe(403);
    expect(parseError(answer.body)).toMatchObject({ code: 'permission_denied', reason: 'PERMISSION_DENIED' });
    expect(rig.calls).toEqual([]);
  });

  it.each([
    '127.999.0.1',
    'a b',
    '',
    'user@localhost',
    'localhost/x',
    'localhost:99999',
    '[::1',
    'localhost#',
  ])('%j is none', async (host) => {
    const { rig, call } = await opened();
    expect((await call(`Host: ${host}`)).status).toBe(400);
    expect(rig.calls).toEqual([]);
  });

  it('is required, also by HTTP/1.0', async () => {
    const { rig } = await opened();
    const answer = await exchangeRaw(rig.url, `GET ${pathOf('ListArtifacts')} HTTP/1.0\r\n\r\n`);
    expect(answer.status).toBe(400);
    expect(rig.calls).toEqual([]);
  });

  it('can be a name that was configured', async () => {
    const { call } = await opened({ httpHosts: ['Artifacta', 'store.internal'] });
    expect((await call('Host: artifacta:8080')).status).toBe(400);
    expect((await call('Host: STORE.internal')).status).toBe(400);
    expect((await call('Host: other.internal')).status).toBe(403);
  });

  it('can be any address, but no name, where all addresses are listened on', async () => {
    const { call } = await opened({ http: { host: '0.0.0.0', port: 0 } });
    expect((await call('Host: 192.168.1.1:8080')).status).toBe(400);
    expect((await call('Host: evil.example')).status).toBe(403);
  });

  it('can be anything once callers are authenticated', async () => {
    const { call } = await opened({ checkHost: false });
    expect((await call('Host: any.example')).status).toBe(400);
  });
});

describe('a request with two of a header that may be there once', () => {
  const ours = (port: string) => [`Host: localhost:${port}`, `Host: localhost:${port}`];

  it.each<[string, (port: string) => string[]]>([
    ['hosts, ours first', (port) => [`Host: localhost:${port}`, 'Host: evil.example']],
    ['hosts, ours last', (port) => ['Host: evil.example', `HOST: localhost:${port}`]],
    ['hosts that are the same', ours],
  ])('%s, reaches no handler', async (_what, headers) => {
    const { rig, port, call } = await opened();
    const answer = await call(...headers(port));
    expect([answer.status, parseError(answer.body)]).toMatchObject([
      400,
      { reason: 'INVALID_ARGUMENT', message: 'host: must be given only once', fields: ['host'] },
    ]);
    expect(rig.calls).toEqual([]);
  });

  it.each([
    ['Authorization: Bearer a', 'authorization: Bearer b'],
    ['Authorization: Bearer a', 'Authorization: Bearer a'],
    ['Authorization:', 'Authorization: Bearer a'],
  ])('%s and %s, reaches no handler on any route', async (...headers) => {
    const { rig, call } = await opened({ checkHost: false });
    const answers = [await call(...headers)];
    for (const path of [
      'PUT /v1/sessions/s/artifacts/a',
      'GET /v1/artifacts/art_x/content',
      'GET /s/x',
      'GET /',
    ]) {
      const request = [`${path} HTTP/1.1`, ...headers, 'Connection: close'] as const;
      answers.push(await exchangeRaw(rig.url, head(rig.url, ...request)));
    }
    for (const { status, body } of answers)
      expect([status, parseError(body)]).toMatchObject([
        400,
        { reason: 'INVALID_ARGUMENT', message: 'authorization: must be given only once' },
      ]);
    expect(rig.calls).toEqual([]);
  });
});

describe('Origin', () => {
  it('of another site is refused by every route', async () => {
    const { rig, call } = await opened();
    for (const origin of [
      'https://evil.example',
      'null',
      'http://localhost:1',
      'https://localhost',
      'nonsense',
    ]) {
      const answer = await call(`Origin: ${origin}`);
      expect(answer.status).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
    for (const [method, path] of [
      ['PUT', '/v1/sessions/s/artifacts/a'],
      ['GET', '/v1/artifacts/art_x/content'],
      ['GET', '/nothing'],
    ]) {
      const request = [
        `${method} ${path} HTTP/1.1`,
        'Origin: https://evil.example',
        'Connection: close',
      ] as const;
      expect((await exchangeRaw(rig.url, head(rig.url, ...request))).status).toBe(403);
    }
    expect(rig.calls).toEqual([]);
  });

  it('that is the same is served', async () => {
    const { call, rig, port } = await opened();
    expect((await call(`Origin: ${rig.url}`)).status).toBe(400);
    expect((await call(`Host: localhost:${port}`, `Origin: http://localhost:${port}`)).status).toBe(400);
    expect((await call('Host: localhost', 'Origin: http://localhost')).status).toBe(400);
    expect(rig.calls).toHaveLength(3);
  });

  it('that is configured is served, and told so', async () => {
    const { call, rig } = await opened({ corsOrigins: [app] });
    const answer = await call(`Origin: ${app}`);
    expect(answer.status).toBe(400);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      vary: 'Origin',
      'access-control-allow-origin': app,
      'access-control-expose-headers': expect.stringMatching(/grpc-status.*ETag/i),
    });
    expect((await call(`Origin: ${app}.evil.example`)).status).toBe(403);
    expect((await call(`Origin: ${app.toUpperCase()}`)).status).toBe(403);
    expect((await call()).headers.get('vary')).toBe('Origin');
    const put = await fetch(`${rig.url}/v1/sessions/s/artifacts/a`, {
      method: 'PUT',
      body: 'x',
      headers: { origin: app },
    });
    expect([put.status, put.headers.get('access-control-allow-origin')]).toEqual([201, app]);
    const got = await fetch(`${rig.url}${put.headers.get('location')}`, { headers: { origin: app } });
    expect([got.status, got.headers.get('access-control-allow-origin')]).toEqual([200, app]);
  });

  it('can be any once callers are authenticated, and not before', async () => {
    const { call } = await opened({ corsOrigins: ['*'], checkHost: false });
    expect((await call(`Origin: ${app}`)).headers.get('access-control-allow-origin')).toBe(app);
    const http = { host: '127.0.0.1', port: 0 };
    await expect(startTestServer(() => {}, { http, corsOrigins: ['*'] })).rejects.toThrow(/authentication/);
    const options = { listenHost: 'x', hosts: [], corsOrigins: ['*'], checkHost: true };
    expect(() => new OriginGate(options)).toThrow(/authentication/);
  });
});

describe('a preflight', () => {
  function preflight(url: string, origin: string, path = '/v1/sessions/s/artifacts/a') {
    const headers = {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'range',
    };
    return fetch(`${url}${path}`, { method: 'OPTIONS', headers });
  }

  it('of an allowed origin says what may be sent', async () => {
    const { rig } = await opened({ corsOrigins: [app] });
    for (const path of ['/v1/sessions/s/artifacts/a', pathOf('GetArtifact')]) {
      const answer = await preflight(rig.url, app, path);
      expect(answer.status).toBe(204);
      const headers = Object.fromEntries(answer.headers);
      expect(headers).toMatchObject({ 'access-control-allow-origin': app, vary: 'Origin' });
      const listed = (name: string) => headers[name]!.split(', ').map((text) => text.toLowerCase());
      expect(listed('access-control-allow-methods').sort()).toEqual(['get', 'head', 'post', 'put']);
      expect(listed('access-control-allow-headers')).toEqual(
        expect.arrayContaining([
          'content-type',
          'connect-protocol-version',
          'connect-timeout-ms',
          'x-grpc-web',
          'range',
          'content-digest',
          'idempotency-key',
          'authorization',
          'traceparent',
          'tracestate',
        ]),
      );
    }
    expect(rig.calls).toEqual([]);
  });

  it('of any other is refused', async () => {
    const { rig } = await opened({ corsOrigins: [app] });
    const answer = await preflight(rig.url, 'https://evil.example');
    expect(answer.status).toBe(403);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('access-control-allow-methods')).toBeNull();
  });
});
