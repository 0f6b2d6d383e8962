/** The services over HTTP as those see them who have no generated client: JSON, Connect GET, other content types. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.ts';
import { byId, create, refusal, someBytes, upload } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { startTestServer } from '../grpc/listeners.ts';
import { framed } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig, openHttpTransport } from './listeners.ts';
import { exchangeRaw, head, parseError } from './raw.ts';

async function opened(): Promise<HttpRig> {
  const rig = await openHttpRig();
  onTestFinished(() => closeChecked(rig));
  return rig;
}

function post(rig: HttpRig, method: string, body: string, headers: Record<string, string> = {}) {
  return fetch(`${rig.url}${pathOf(method)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

describe('JSON', () => {
  it('makes and gets an artifact', async () => {
    const rig = await opened();
    const made = await post(
      rig,
      'CreateArtifact',
      JSON.stringify({
        spec: { session: 's', name: 'a.txt' },
        data: Buffer.from('hello').toString('base64'),
      }),
    );
    expect(made.status).toBe(200);
    const { artifact } = (await made.json()) as { artifact: { id: string; sizeBytes: string } };
    expect(artifact.sizeBytes).toBe('5');
    const got = await post(rig, 'GetArtifact', JSON.stringify({ artifact: { id: artifact.id } }));
    // Until something newer is committed it is the same, word for word.
    expect(await got.json()).toEqual({ artifact });
    expect(rig.calls.map(({ method, outcome }) => [method, outcome])).toEqual([
      ['artifacta.v1.ArtifactService/CreateArtifact', 'OK'],
      ['artifacta.v1.ArtifactService/GetArtifact', 'OK'],
    ]);
  });

  it.each([
    ['what is not JSON', '{', 400, 'invalid_argument'],
    ['a field that there is not', '{"artefact": {}}', 400, 'invalid_argument'],
    ['a bad value', '{"artifact": {"id": 7}}', 400, 'invalid_argument'],
  ])('of %s is refused', async (_, body, status, code) => {
    const rig = await opened();
    const answer = await post(rig, 'GetArtifact', body);
    expect(answer.status).toBe(status);
    expect(parseError(await answer.text())).toMatchObject({ code, reason: 'INVALID_ARGUMENT' });
  });

  it('tells the reason and the fields', async () => {
    const rig = await opened();
    const answer = await post(rig, 'GetArtifact', '{"artifact": {"id": "art_x"}}');
    expect(answer.status).toBe(400);
    expect(parseError(await answer.text())).toMatchObject({
      code: 'invalid_argument',
      reason: 'INVALID_ARGUMENT',
      fields: ['artifact.id'],
    });
  });

  it('of more than a message may have is refused, and the connection survives it', async () => {
    const rig = await opened();
    const answer = await post(rig, 'CreateArtifact', JSON.stringify({ data: 'A'.repeat(3 * 1024 * 1024) }));
    expect(answer.status).toBe(429);
    expect(parseError(await answer.text())).toMatchObject({
      code: 'resource_exhausted',
      reason: 'MESSAGE_TOO_LARGE',
    });
  });

  it('with a field that there is not is refused, as nothing that is asked for is ignored', async () => {
    const rig = await opened();
    const answer = await post(rig, 'ListArtifacts', '{"session": "s", "sesion": "t"}');
    expect(answer.status).toBe(400);
    expect(parseError(await answer.text())).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['objects', `${'{"artifact":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['lists', `{"artifacts": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ])('of %s in each other, 10,000 deep, is refused, and the next one is served', async (_what, body) => {
    const rig = await opened();
    const answer = await post(rig, 'BatchGetArtifacts', body);
    expect(answer.status).toBe(400);
    expect(parseError(await answer.text())).toMatchObject({ reason: 'INVALID_ARGUMENT' });
    expect((await post(rig, 'ListArtifacts', '{"session": "s"}')).status).toBe(404);
  });

  it('that is compressed is taken, and in a way that is not known refused', async () => {
    const rig = await opened();
    const asked = (body: string | Uint8Array<ArrayBuffer>, encoding: string) =>
      fetch(`${rig.url}${pathOf('ListArtifacts')}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
        body,
      });
    await create(rig, { session: 's', name: 'a' }, 'x');
    const answer = await asked(gzipSync('{"session": "s"}'), 'gzip');
    expect(await answer.json()).toMatchObject({ artifacts: [{ name: 'a' }] });
    const refused = await asked('{}', 'br');
    expect(refused.status).toBe(501);
    expect(refused.headers.get('accept-encoding')).toBe('identity,gzip');
    expect(parseError(await refused.text())).toMatchObject({
      code: 'unimplemented',
      reason: 'NOT_IMPLEMENTED',
      message: 'content-encoding: must be one of identity and gzip',
    });
  });

  it('is answered without compression', async () => {
    const rig = await opened();
    const metadata = { long: 'x'.repeat(1000), other: 'y'.repeat(1000) };
    await create(rig, { session: 's', name: 'a', metadata }, 'x');
    const answer = await post(rig, 'ListArtifacts', '{"session": "s"}', { 'accept-encoding': 'gzip, br' });
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(JSON.stringify(await answer.json())).toContain(metadata.long);
  });
});

describe('an encoding without a name', () => {
  it.each([
    ['content-encoding', 'application/json', '{}'],
    ['grpc-encoding', 'application/grpc-web+proto', framed(new Uint8Array())],
  ])('in %s is none', async (header, type, body) => {
    const rig = await opened();
    const method = `${rig.url}/${SessionService.typeName}/ListSessions`;
    const answer = await fetch(method, {
      method: 'POST',
      headers: { 'content-type': type, [header]: '' },
      body,
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).not.toContain('compression');
    expect(rig.calls.map(({ outcome }) => outcome)).toEqual(['OK']);
  });

  it('in connect-content-encoding is none', async () => {
    const rig = await opened();
    const body = framed(Buffer.from('{"session": "nosuch"}'));
    const answer = await fetch(`${rig.url}/${SessionService.typeName}/WatchSession`, {
      method: 'POST',
      headers: { 'content-type': 'application/connect+json', 'connect-content-encoding': '' },
      body,
    });
    expect(await answer.text()).toContain('SESSION_NOT_FOUND');
  });
});

it("a handler's error that has no details gets none", async () => {
  const refused = () => {
    throw new ConnectError('as it is', Code.Aborted);
  };
  await using server = await startTestServer(
    (router) =>
      router.service(SessionService, {
        listSessions: refused,
        async *watchSession() {
          yield {};
          refused();
        },
      }),
    { http: { host: '127.0.0.1', port: 0 } },
  );
  const { listSessions, watchSession } = createClient(
    SessionService,
    createConnectTransport({ baseUrl: `http://${server.addresses.http}`, httpVersion: '1.1' }),
  );
  for (const call of [listSessions({}), Array.fromAsync(watchSession({}))])
    await expect(call).rejects.toMatchObject({ rawMessage: 'as it is', code: Code.Aborted, details: [] });
});

describe('Connect GET', () => {
  it('reads, and nothing else', async () => {
    const rig = await opened();
    const { artifact } = await create(rig, { session: 's', name: 'a' }, 'x');
    const received: (string | undefined)[] = [];
    const onRequest = (message: unknown) =>
      received.push((message as { request: IncomingMessage }).request.method);
    subscribe('http.server.request.start', onRequest);
    onTestFinished(() => void unsubscribe('http.server.request.start', onRequest));
    const transport = createConnectTransport({
      baseUrl: rig.url,
      httpVersion: '1.1',
      useHttpGet: true,
    });
    const client = createClient(ArtifactService, transport);
    expect((await client.getArtifact({ artifact: byId(artifact!.id) })).artifact).toEqual(artifact);
    await createClient(SessionService, transport).getSession({ session: 's' });
    await client.deleteArtifact({ artifact: byId(artifact!.id) });
    expect(received).toEqual(['GET', 'GET', 'POST']);
    const query = 'encoding=json&message={}&connect=v1';
    const refused = await fetch(`${rig.url}${pathOf('DeleteArtifact')}?${query}`);
    expect(refused.status).toBe(405);
    const read = await fetch(`${rig.url}${pathOf('ListArtifacts')}?encoding=json&message={"session":"s"}`);
    expect(read.status).toBe(200);
  });
});

describe('the listener', () => {
  it('offers health', async () => {
    const rig = await opened();
    const client = createClient(Health, rig.transport);
    expect((await client.check({})).status).toBe(Status.SERVING);
  });

  it('leaves gRPC to the other one', async () => {
    const rig = await opened();
    const answer = await post(rig, 'GetArtifact', '', { 'content-type': 'application/grpc+proto' });
    expect(answer.status).toBe(415);
  });

  it.each(['/', '/v1', '/artifacta.v1.ArtifactService/Nothing', '/v1/artifacts/a/b/content', '//', '/%'])(
    'has nothing at %s',
    async (path) => {
      const rig = await opened();
      const request = head(rig.url, `GET ${path} HTTP/1.1`, 'Connection: close');
      const answer = await exchangeRaw(rig.url, request);
      expect(answer.status).toBe(404);
      expect(parseError(answer.body).code).toBe('unimplemented');
    },
  );

  it('serves several large uploads at once', async () => {
    const rig = await opened();
    const bytes = someBytes(5 * 1024 * 1024);
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => upload(rig, { session: 's', name }, bytes)));
    const { artifacts } = await rig.artifacts.listArtifacts({ session: 's' });
    expect(artifacts.map(({ sizeBytes }) => Number(sizeBytes))).toEqual(names.map(() => bytes.length));
  });

  it('refuses tokens as long as nobody can check them', async () => {
    const rig = await opened();
    const answer = await post(rig, 'GetArtifact', '{}', { authorization: 'Bearer secret-token' });
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain('secret-token');
  });

  it('tells nobody of errors that nobody foresaw, but the log', async () => {
    await using server = await startTestServer(
      (router) =>
        router.service(ArtifactService, {
          getArtifact: () => {
            throw new Error('the secret of the house');
          },
          downloadArtifact: async function* () {
            throw new Error('the secret of the house');
          },
        }),
      { http: { host: '127.0.0.1', port: 0 } },
    );
    for (const protocol of ['Connect', 'Connect with JSON', 'gRPC-Web'] as const) {
      const url = `http://${server.addresses.http}`;
      const client = createClient(ArtifactService, openHttpTransport(protocol, url));
      const iterate = async () => {
        for await (const _ of client.downloadArtifact({}));
      };
      for (const call of [client.getArtifact({}), iterate()])
        expect(await refusal(call)).toMatchObject({
          code: 'Internal',
          reason: 'INTERNAL',
          message: 'internal error; see the log of the service',
        });
    }
    expect(server.unexpected.map(({ method }) => method.split('/')[1])).toEqual(
      [1, 2, 3].flatMap(() => ['GetArtifact', 'DownloadArtifact']),
    );
  });
});
