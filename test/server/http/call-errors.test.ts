/** What the listener refuses by itself, each client reads as its protocol has it: code, reason and message. */
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { OpenCalls } from '../../../src/api/sending/open-calls.ts';
import type { ServerOptions } from '../../../src/server/server.ts';
import { refusal } from '../../support/calls.ts';
import { startTestServer } from '../grpc/listeners.ts';

const none = { host: '127.0.0.1', port: 0 };

/** A listener that serves nothing at all, or refuses before it looks. */
async function opened(options: Partial<ServerOptions> = {}): Promise<string> {
  const server = await startTestServer(() => {}, { http: none, ...options });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return `http://${server.addresses.http}`;
}

const protocols: readonly [string, (baseUrl: string) => Transport][] = [true, false].flatMap(
  (useBinaryFormat): [string, (baseUrl: string) => Transport][] => {
    const options = { httpVersion: '1.1' as const, useBinaryFormat };
    const form = useBinaryFormat ? '' : ' in JSON';
    return [
      [`Connect${form}`, (baseUrl) => createConnectTransport({ ...options, baseUrl })],
      [`gRPC-Web${form}`, (baseUrl) => createGrpcWebTransport({ ...options, baseUrl })],
    ];
  },
);

describe.each(protocols)('%s', (_name, transportTo) => {
  /** Of an answer in one piece, of one in many, and of a request in many. */
  async function refusals(url: string, headers: Record<string, string> = {}) {
    const artifacts = createClient(ArtifactService, transportTo(url));
    const sessions = createClient(SessionService, transportTo(url));
    const download = async () => {
      for await (const _ of artifacts.downloadArtifact({}, { headers }));
    };
    async function* nothing() {}
    return [
      await refusal(sessions.getSession({}, { headers })),
      await refusal(download()),
      await refusal(artifacts.uploadArtifact(nothing(), { headers })),
    ];
  }

  it('reads that this method does not exist', async () => {
    for (const refused of await refusals(await opened()))
      expect(refused).toMatchObject({
        code: 'Unimplemented',
        reason: 'NOT_IMPLEMENTED',
        message: 'nothing exists at this path',
      });
  });

  it('reads that there are too many calls', async () => {
    for (const refused of await refusals(await opened({ openCalls: new OpenCalls(0) })))
      expect(refused).toMatchObject({
        code: 'ResourceExhausted',
        reason: 'OVERLOADED',
        message: 'too many calls are open; try again in a moment',
      });
  });

  it('reads that its page may not call', async () => {
    for (const refused of await refusals(await opened(), { origin: 'https://evil.example' }))
      expect(refused).toMatchObject({ code: 'PermissionDenied', reason: 'PERMISSION_DENIED' });
  });
});

describe('gRPC-Web', () => {
  const path = '/artifacta.v1.NoService/Nothing';

  it.each([
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web+json',
    'APPLICATION/GRPC-WEB+PROTO; x=y',
    'application/grpc-web-text',
    'application/grpc-web-text+proto',
  ])('as %s is answered in its own form', async (contentType) => {
    const url = await opened();
    const headers = { 'content-type': contentType };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: 'x' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, contentType.split(';')[0]]);
    const text = Buffer.from(await answer.arrayBuffer());
    const bytes = contentType.includes('text') ? Buffer.from(String(text), 'base64') : text;
    expect([bytes[0], bytes.readUInt32BE(1)]).toEqual([0x80, bytes.length - 5]);
    expect(bytes.subarray(5).toString()).toMatch(/^grpc-message: .*\r\ngrpc-status: 12\r\n/);
  });

  it('is what a POST says that it is, and nothing else', async () => {
    const url = await opened();
    for (const method of ['PUT', 'DELETE']) {
      const headers = { 'content-type': 'application/grpc-web+proto' };
      expect((await fetch(`${url}${path}`, { method, headers, body: 'x' })).status).toBe(404);
    }
    for (const contentType of ['application/grpc', 'application/json', 'application/grpc-webx']) {
      const headers = { 'content-type': contentType };
      expect((await fetch(`${url}${path}`, { method: 'POST', headers, body: 'x' })).status).toBe(404);
    }
  });
});
