/** The listener for probes and Prometheus, over real sockets. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AdminListenerOptions, openAdminListener } from '../../src/server/admin-listener.ts';
import { Readiness } from '../../src/server/readiness.ts';

const free = { host: '127.0.0.1', port: 0 };

async function opened(options: Partial<AdminListenerOptions> = {}) {
  const readiness = new Readiness();
  const errors: [unknown, string][] = [];
  const service = await openAdminListener({
    address: free,
    readiness,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'a 1\n' }),
    onUnexpectedError: (error, path) => errors.push([error, path]),
    ...options,
  });
  onTestFinished(() => service[Symbol.asyncDispose]());
  const get = (path: string, init: RequestInit = {}) => fetch(`http://${service.address}${path}`, init);
  return { service, readiness, errors, get };
}

/** Sends text as it is and resolves with all that comes back until the other side closes. */
async function raw(address: string, text: string): Promise<string> {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  onTestFinished(() => void socket.destroy());
  // What is refused half way is answered and closed, whatever is still being sent.
  socket.on('error', () => undefined);
  let received = '';
  socket.setEncoding('latin1').on('data', (data) => {
    received += data;
  });
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return received;
}

describe('the admin listener', () => {
  it('tells liveness from readiness', async () => {
    const { readiness, get } = await opened();
    const seen: unknown[] = [];
    for (const phase of ['starting', 'recovery', 'serving', 'leaving', 'stopping'] as const) {
      readiness.set(phase);
      const [live, ready] = [await get('/healthz'), await get('/readyz')];
      expect(await live.text()).toBe('ok\n');
      expect(ready.headers.get('content-type')).toBe('application/json');
      seen.push([live.status, ready.status, await ready.json()]);
    }
    expect(seen).toEqual([
      [200, 503, { phase: 'starting' }],
      [200, 503, { phase: 'recovery' }],
      [200, 200, { phase: 'serving' }],
      [200, 503, { phase: 'leaving' }],
      [200, 503, { phase: 'stopping' }],
    ]);
  });

  it('serves metrics as they are given', async () => {
    const { get } = await opened();
    const answer = await get('/metrics?x=y');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.text()).toBe('a 1\n');
    const head = await get('/metrics', { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('4');
    expect(await head.text()).toBe('');
  });

  it.each(['/', '/healthz/', '/metrics/x', '//healthz', '/%68ealthz', '/favicon.ico'])(
    'has nothing at %s',
    async (path) => {
      const { get } = await opened();
      expect((await get(path)).status).toBe(404);
    },
  );

  it('shows its figures under its own names alone, since a page of any site reaches loopback under another', async () => {
    const { service } = await opened({ hosts: ['Metrics.internal'] });
    const port = service.address.split(':').at(-1);
    const ask = async (path: string, ...headers: string[]) => {
      const lines = [`GET ${path} HTTP/1.1`, 'Connection: close', ...headers, '', ''];
      return (await raw(service.address, lines.join('\r\n'))).slice(9, 12);
    };
    for (const host of [`127.0.0.1:${port}`, 'LOCALHOST', '[::1]:9090', 'metrics.INTERNAL:9090'])
      expect([host, await ask('/metrics', `Host: ${host}`)]).toEqual([host, '200']);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '192.168.1.1',
      'a@localhost',
      '',
    ]) {
      expect([host, await ask('/metrics', `Host: ${host}`)]).toEqual([host, '403']);
      expect([await ask('/healthz', `Host: ${host}`), await ask('/readyz', `Host: ${host}`)]).toEqual([
        '200',
        '503',
      ]);
    }
    for (const path of ['/metrics', '/healthz', '/readyz', '/'])
      for (const name of ['Host: localhost', 'Authorization: Bearer a'])
        expect(await ask(path, `Host: 127.0.0.1:${port}`, name, name)).toBe('400');
  });

  it('takes any address, and no name, where it listens on all', async () => {
    const { service } = await opened({ address: { host: '0.0.0.0', port: 0 } });
    const at = `127.0.0.1:${service.address.split(':').at(-1)}`;
    const ask = async (host: string) => await raw(at, `GET /metrics HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    expect(await ask('10.0.0.7:9090')).toMatch(/ 200 /);
    expect(await ask('[fd00::1]:9090')).toMatch(/ 200 /);
    expect(await ask('evil.example')).toMatch(
      / 403 .*evil.example is not a known name of this service; --http-hosts/s,
    );
    expect(await raw(at, 'GET /metrics HTTP/1.0\r\n\r\n')).toMatch(/ 403 /);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', async (method) => {
    const { get } = await opened();
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const answer = await get(path, { method, ...(method === 'OPTIONS' ? {} : { body: 'x' }) });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('GET, HEAD');
    }
  });

  it('tells nobody but its owner why metrics failed', async () => {
    const failure = new Error('secret');
    const { get, errors } = await opened({ metrics: () => Promise.reject(failure) });
    const answer = await get('/metrics');
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe('internal error; see the log of the service\n');
    expect(errors).toEqual([[failure, '/metrics']]);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('bounds headers and goes on after what is not HTTP', async () => {
    const { service, get } = await opened();
    const large = await raw(
      service.address,
      `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(10_000)}\r\n\r\n`,
    );
    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    expect(await raw(service.address, '\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(service.address, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('does not wait for a request that never ends', { timeout: 20_000 }, async () => {
    const { service } = await opened();
    expect(await raw(service.address, 'GET /healthz HTTP/1.1\r\nhost: x\r\na: ')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('closes although somebody is connected and says nothing', async () => {
    const { service } = await opened();
    const silent = raw(service.address, 'GET /heal');
    const kept = await fetch(`http://${service.address}/healthz`);
    expect(kept.status).toBe(200);
    await service[Symbol.asyncDispose]();
    await silent;
    await expect(fetch(`http://${service.address}/healthz`)).rejects.toThrow();
  });

  it('says which address it cannot listen on, and why', async () => {
    const { service } = await opened();
    const port = Number(service.address.split(':').at(-1));
    const second = openAdminListener({
      address: { host: '127.0.0.1', port },
      readiness: new Readiness(),
      metrics: async () => ({ contentType: '', body: '' }),
      onUnexpectedError: () => undefined,
    });
    await expect(second).rejects.toThrow(`cannot listen on ${service.address}: the address is in use`);
  });
});

describe('a broken head', () => {
  const host = 'Host: localhost';

  it.each([
    [`FOO / HTTP/1.1\r\n${host}\r\n\r\n`, 400, 'method: must be a method of HTTP'],
    [`GET / HTTP/2.0\r\n${host}\r\nConnection: close\r\n\r\n`, 505, 'version: must be HTTP/1.1'],
    ['GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'host: must be given once'],
    [`OPTIONS * HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 400, 'request target: must be a path'],
    [`CONNECT a:1 HTTP/1.1\r\n${host}\r\n\r\n`, 405, 'method: must not be CONNECT'],
    [
      `GET / HTTP/1.1\r\n${host}\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
      431,
      'headers: must be fewer or smaller',
    ],
    [
      `GET / HTTP/1.1\r\n${host}\r\nExpect: x\r\nConnection: close\r\n\r\n`,
      417,
      'expect: must be 100-continue',
    ],
  ])('%j is told so', async (sent, status, text) => {
    const { service } = await opened();
    const received = await raw(service.address, sent);
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received.split('\r\n\r\n')[1]).toContain(text);
    expect(received).toMatch(/^connection: close\r$/im);
  });

  it('after a whole request is told so after its answer', async () => {
    const { service } = await opened();
    const received = await raw(service.address, `GET /healthz HTTP/1.1\r\n${host}\r\n\r\nFOO\r\n\r\n`);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });
});

it('a target that is a whole URL is the path within it, and its host counts before Host', async () => {
  const { service } = await opened();
  const ask = (target: string, host: string) =>
    raw(service.address, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(await ask(`http://${service.address}/healthz`, 'a')).toContain(' 200 ');
  expect(await ask(`http://${service.address}/metrics`, 'evil.example')).toContain(' 200 ');
  expect(await ask('http://evil.example/metrics', service.address)).toContain(' 403 ');
});
