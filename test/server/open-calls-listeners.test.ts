/** On every transport, a call for which there is no room is refused before anything is done, and what has ended makes room. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { OpenCalls } from '../../src/api/sending/open-calls.ts';
import { limits } from '../../src/domain/limits.ts';
import { removeDirectory } from '../support/directories.ts';
import { openTestStore, testRoutes } from '../support/service.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';
import { openTestTls } from './tls-listeners.ts';

const listeners = [
  'gRPC',
  'gRPC over TLS',
  'a Unix socket',
  'HTTP/1.1',
  'HTTP/1.1 over TLS',
  'HTTP/2',
] as const;

/** Sessions, asked for by one connection of that kind. */
async function opened(service: (typeof listeners)[number], openCalls: OpenCalls) {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  const { store } = stack.use(await openTestStore());
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-open-calls-'));
  stack.defer(() => removeDirectory(directory));
  const tls = service.endsWith('TLS') || service === 'HTTP/2' ? stack.use(await openTestTls()) : undefined;
  const socket = join(directory, 'sock');
  const calls: CallRecord[] = [];
  const options = { http: { host: '127.0.0.1', port: 0 }, tls, socket, openCalls };
  const { addresses } = stack.use(await startTestServer(testRoutes(store, calls), options));
  const scheme = tls === undefined ? 'http' : 'https';
  const nodeOptions = { rejectUnauthorized: false };
  const baseUrl = `${scheme}://${service.startsWith('gRPC') ? addresses.grpc : addresses.http}`;
  const opening = (): Transport => {
    if (service === 'a Unix socket') return stack.use(openTransport(`unix:${socket}`)).transport;
    if (service.startsWith('HTTP/1.1'))
      return createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions });
    const sessionManager = new Http2SessionManager(baseUrl, {}, nodeOptions);
    stack.defer(() => sessionManager.abort());
    const http2 = { baseUrl, httpVersion: '2' as const, sessionManager, acceptCompression: [] };
    return service === 'HTTP/2' ? createConnectTransport(http2) : createGrpcTransport(http2);
  };
  return { sessions: createClient(SessionService, opening()), calls };
}

describe.each(listeners)('%s', (service) => {
  it('refuses what has no room, and says when to come again', async () => {
    const { sessions, calls } = await opened(service, new OpenCalls(0));
    const error = ConnectError.from(await sessions.listSessions({}).catch((thrown) => thrown));
    expect([error.code, error.rawMessage]).toEqual([
      Code.ResourceExhausted,
      'too many calls are open; try again in a moment',
    ]);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('OVERLOADED');
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    expect(calls).toEqual([]);
  });

  it('takes one after another', async () => {
    const { sessions, calls } = await opened(service, new OpenCalls(2 * limits.openCallBytes));
    for (let at = 0; at < 10; at++) await sessions.listSessions({});
    expect(calls.length).toBe(10);
  });
});
