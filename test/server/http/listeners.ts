/** The HTTP listener over a test store: as the suites call it, and as plain HTTP does. */
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import type { RedirectPolicy } from '../../../src/api/downloads/redirects.ts';
import type { CallRecord } from '../../../src/api/guard.ts';
import { sharedContents } from '../../../src/api/shared.ts';
import type { ServerOptions } from '../../../src/server/server.ts';
import type { StoreOptions } from '../../../src/store/open.ts';
import {
  clientsOf,
  type OpenService,
  openTestStore,
  type Service,
  testRoutes,
} from '../../support/service.ts';
import { startTestServer, type TestServer } from '../grpc/listeners.ts';

type Protocol = 'Connect' | 'Connect with JSON' | 'gRPC-Web';

export function openHttpTransport(protocol: Protocol, baseUrl: string): Transport {
  const options = { baseUrl, httpVersion: '1.1' as const, acceptCompression: [] };
  if (protocol === 'gRPC-Web') return createGrpcWebTransport(options);
  return createConnectTransport({ ...options, useBinaryFormat: protocol === 'Connect' });
}

export interface HttpRig extends Service {
  readonly server: TestServer;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

export async function openHttpRig(
  { redirects, ...options }: Partial<StoreOptions> & { readonly redirects?: RedirectPolicy | undefined } = {},
  server: Partial<ServerOptions> = {},
  protocol: Protocol = 'Connect',
): Promise<HttpRig> {
  const opened = await openTestStore(options);
  const calls: CallRecord[] = [];
  const started = await startTestServer(testRoutes(opened.store, calls, redirects), {
    http: { host: '127.0.0.1', port: 0 },
    shared: sharedContents(
      () => opened.store.shared,
      { onCall: (record) => calls.push(record), elapsed: () => performance.now() },
      redirects,
    ),
    ...server,
  });
  const url = `http://${started.addresses.http}`;
  const transport = openHttpTransport(protocol, url);
  return {
    ...opened,
    ...clientsOf(transport),
    transport,
    calls,
    server: started,
    url,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** A listener of the suites. */
export function openHttpService(protocol: Protocol): OpenService {
  return (options) => openHttpRig(options, {}, protocol);
}
