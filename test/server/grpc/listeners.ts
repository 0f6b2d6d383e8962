/** The gRPC listeners over a test store, to be called through connect-node. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { CallRecord } from '../../../src/api/guard.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Routes } from '../../../src/server/grpc/grpc.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../../src/server/server.ts';
import { clientsOf, type OpenService, openTestStore, testRoutes } from '../../support/service.ts';

/** What went wrong inside a test server that nobody foresaw. */
interface Unexpected {
  readonly error: unknown;
  readonly method: string;
}

export interface TestServer extends RunningServer<string> {
  readonly unexpected: Unexpected[];
}

/** A server on a free port of the loopback interface. */
export async function startTestServer(
  routes: Routes,
  options: Partial<ServerOptions> & { readonly grpc?: ServerOptions['grpc'] & {} } = {},
): Promise<TestServer> {
  const unexpected: Unexpected[] = [];
  const server = await startServer({
    routes,
    grpc: { host: '127.0.0.1', port: 0 },
    messageBytesMax: limits.messageBytesMax,
    concurrentStreamsMax: limits.concurrentStreamsMax,
    drainMs: 5_000,
    onUnexpectedError: (error, method) => unexpected.push({ error, method }),
    ...options,
  });
  return { ...server, unexpected };
}

export interface TestTransport extends Disposable {
  readonly transport: Transport;
}

/** `unix:/path` or `host:port`. */
export function openTransport(address: string): TestTransport {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
  const baseUrl = path === undefined ? `http://${address}` : 'http://localhost';
  const options = path === undefined ? {} : { createConnection: () => connect(path) };
  const sessionManager = new Http2SessionManager(baseUrl, {}, options);
  const transport = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
}

/** Over TCP. */
export const openGrpcService: OpenService = (options) => openService(options);

/** Over a Unix socket in a directory of its own. */
export const openSocketService: OpenService = async (options) => {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-socket-'));
  const service = await openService(options, join(directory, 'sock'));
  return {
    ...service,
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
};

async function openService(options: Parameters<OpenService>[0], socket?: string): ReturnType<OpenService> {
  const opened = await openTestStore(options);
  const calls: CallRecord[] = [];
  const server = await startTestServer(
    testRoutes(opened.store, calls),
    socket === undefined ? {} : { socket },
  );
  const opening = openTransport(socket === undefined ? server.addresses.grpc : `unix:${socket}`);
  return {
    ...opened,
    ...clientsOf(opening.transport),
    transport: opening.transport,
    calls,
    [Symbol.asyncDispose]: async () => {
      opening[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}
