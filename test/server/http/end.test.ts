/** What the HTTP listener does with those who ask too much, and how it ends. */
import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { createClient } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.ts';
import type { Methods } from '../fake-service.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { eventually } from '../grpc/raw-call.ts';
import { openHttpRig, openHttpTransport } from './listeners.ts';
import { exchangeRaw, head, openSocket, parseAnswer, parseError } from './raw.ts';

const http = { host: '127.0.0.1', port: 0 };

async function serving(methods: Methods, drainMs = 5_000) {
  const server = await startTestServer((router) => router.service(ArtifactService, methods), {
    http,
    drainMs,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const url = `http://${server.addresses.http}`;
  const transport = openHttpTransport('Connect', url);
  return { server, url, client: createClient(ArtifactService, transport), transport };
}

describe('a request', () => {
  it('with too many headers, or too large ones, is refused', async () => {
    await using rig = await openHttpRig();
    const many = Array.from({ length: 120 }, (_, at) => `X-${at}: 1`);
    const answer = await exchangeRaw(rig.url, head(rig.url, 'GET / HTTP/1.1', 'Connection: close', ...many));
    expect(answer.status).toBe(431);
    // Node would drop what exceeds its own limit, and with it an Origin that comes last.
    const more = Array.from({ length: 3_000 }, (_, at) => `X-${at}: 1`);
    const request = ['GET / HTTP/1.1', 'Connection: close', ...more, 'Origin: https://evil.example'];
    expect((await exchangeRaw(rig.url, head(rig.url, ...request))).status).toBe(431);
    const large = head(rig.url, 'GET / HTTP/1.1', `X-Large: ${'x'.repeat(70_000)}`);
    expect((await exchangeRaw(rig.url, large)).status).toBe(431);
    const long = head(rig.url, `GET /${'x'.repeat(70_000)} HTTP/1.1`);
    expect((await exchangeRaw(rig.url, long)).status).toBe(431);
  });

  it('with a name, metadata and labels at their limits is taken', async () => {
    await using rig = await openHttpRig();
    const value = encodeURIComponent('字'.repeat(83));
    const pairs = (map: string) => Array.from({ length: 31 }, (_, at) => `${map}.key${at}=${value}`);
    const name = Array.from({ length: 4 }, () => encodeURIComponent('字'.repeat(85))).join('/');
    const target = `/v1/sessions/s/artifacts/${name}?${[...pairs('meta'), ...pairs('label')].join('&')}`;
    const answer = await fetch(`${rig.url}${target}`, { method: 'PUT', body: 'x' });
    expect(answer.status).toBe(201);
  });

  it('that is no HTTP is told so', async () => {
    await using rig = await openHttpRig();
    expect((await exchangeRaw(rig.url, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).status).toBe(400);
    expect((await exchangeRaw(rig.url, '\x16\x03\x01\x02\x00\x01')).status).toBe(400);
    expect((await fetch(rig.url)).status).toBe(404);
  });
});

describe('a drain', () => {
  it('lets calls under way end, on every route, and takes no new ones', async () => {
    const release = Promise.withResolvers<void>();
    let entered = 0;
    const wait = async () => {
      entered++;
      await release.promise;
    };
    const { server, url, client } = await serving({
      getArtifact: async () => {
        await wait();
        return { artifact: { id: 'late' } };
      },
      uploadArtifact: async (requests) => {
        for await (const _ of requests);
        await wait();
        return { artifact: { id: 'put' } };
      },
    });
    const call = client.getArtifact({});
    const put = fetch(`${url}/v1/sessions/s/artifacts/a`, { method: 'PUT', body: 'x' });
    await eventually(() => entered === 2);
    const drained = server.drain();
    await eventually(() => server.readiness.phase === 'stopping');
    await expect(openSocket(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    release.resolve();
    expect((await call).artifact?.id).toBe('late');
    expect((await put).status).toBe(201);
    expect(await drained).toEqual({ brokenOff: 0 });
  });

  it('is not delayed by connections on which nothing is asked', async () => {
    const { server, url } = await serving({}, 600_000);
    const silent = await openSocket(url);
    const slow = await openSocket(url);
    slow.write('GET / HTTP/1.1\r\nHost: local');
    const idle = await openSocket(url);
    idle.write(head(url, 'GET / HTTP/1.1'));
    await once(idle, 'data');
    const closed = [silent, slow, idle].map((socket) =>
      once(
        socket.resume().on('error', () => {}),
        'close',
      ),
    );
    expect(await server.drain()).toEqual({ brokenOff: 0 });
    await Promise.all(closed);
  });

  it('tells busy connections that they end with the answer', async () => {
    const release = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const { server, url } = await serving({
      getArtifact: async () => {
        entered.resolve();
        await release.promise;
        return {};
      },
    });
    const socket = await openSocket(url);
    const path = '/artifacta.v1.ArtifactService/GetArtifact';
    const lines = [`POST ${path} HTTP/1.1`, 'Content-Type: application/json', 'Content-Length: 2'] as const;
    socket.write(`${head(url, ...lines)}{}`);
    await entered.promise;
    const drained = server.drain();
    await eventually(() => server.readiness.phase === 'stopping');
    release.resolve();
    const answer = parseAnswer(await textOf(socket));
    expect([answer.status, answer.headers.get('connection'), answer.body]).toEqual([200, 'close', '{}']);
    expect(await drained).toEqual({ brokenOff: 0 });
  });

  it.each(['time', 'force'])('breaks off what never ends: by %s', async (by) => {
    const reasons: unknown[] = [];
    const ended: string[] = [];
    let entered = 0;
    const { server, url, client } = await serving(
      {
        uploadArtifact: async (_, { signal }) => {
          entered++;
          await once(signal, 'abort');
          reasons.push(signal.reason);
          ended.push('upload');
          throw signal.reason;
        },
        downloadArtifact: async function* (_, { signal }) {
          try {
            entered++;
            yield {};
            await once(signal, 'abort');
            throw signal.reason;
          } finally {
            ended.push('download');
          }
        },
      },
      by === 'time' ? 50 : 600_000,
    );
    const watching = (async () => {
      for await (const _ of client.downloadArtifact({}));
    })().catch((error: unknown) => error);
    const put = await openSocket(url);
    put.write(head(url, 'PUT /v1/sessions/s/artifacts/a HTTP/1.1', 'Content-Length: 10'));
    await eventually(() => entered === 2);
    const received = textOf(put);
    const drained = server.drain();
    if (by === 'force') void server.force();
    expect(await drained).toEqual({ brokenOff: 2 });
    // The store is closed after this: nobody may still be at it.
    expect(ended.sort()).toEqual(['download', 'upload']);
    expect(await watching).toBeInstanceOf(Error);
    const answer = parseAnswer(await received);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(parseError(answer.body).reason).toBe('SHUTTING_DOWN');
  });

  it('ends the watches of health itself', async () => {
    const { server, transport } = await serving({}, 600_000);
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of createClient(Health, transport).watch({})) seen.push(status);
    })();
    await eventually(() => seen.length === 1);
    expect(await server.drain()).toEqual({ brokenOff: 0 });
    await watching;
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  });
});

describe('an address', () => {
  it('that is taken is named, and the other listeners are closed again', async () => {
    const first = await startTestServer(() => {}, { http });
    onTestFinished(() => first[Symbol.asyncDispose]());
    const port = Number(new URL(`http://${first.addresses.http}`).port);
    await expect(startTestServer(() => {}, { http: { ...http, port } })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the address is in use`,
    );
  });
});
