/** The listeners over TLS, to be called through connect-node. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { CallRecord } from '../../src/api/guard.ts';
import { Tls } from '../../src/server/tls.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { clientsOf, type OpenService, openTestStore, testRoutes } from '../support/service.ts';
import { startTestServer } from './grpc/listeners.ts';

interface Certificates {
  readonly authority: Authority;
  readonly pair: Certificate;
}

let made: Certificates | undefined;

/** Made once, since every transport here may show the same. */
function certificates(): Certificates {
  if (made !== undefined) return made;
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-tls-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  const authority = new Authority(directory);
  made = { authority, pair: authority.issue('served') };
  return made;
}

/** The certificate of the listeners here. */
export function openTestTls(): Promise<Tls> {
  return Tls.open(certificates().pair, { warn: () => undefined, after: () => () => {} });
}

interface Opened extends Disposable {
  readonly transport: Transport;
}

/** gRPC knows no other HTTP than 2. */
function openTransport(baseUrl: string, ca: Buffer, way: TlsWay): Opened {
  if (way === 'Connect over HTTP/1.1') {
    const transport = createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { ca } });
    return { transport, [Symbol.dispose]: () => undefined };
  }
  const sessionManager = new Http2SessionManager(baseUrl, {}, { ca });
  const options = { baseUrl, httpVersion: '2' as const, sessionManager, acceptCompression: [] };
  const transport = way === 'gRPC' ? createGrpcTransport(options) : createConnectTransport(options);
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
}

type TlsWay = 'gRPC' | 'Connect over HTTP/1.1' | 'Connect over HTTP/2';

/** A listener of the suites, with a certificate of its own. */
export function openTlsService(way: TlsWay): OpenService {
  return async (options) => {
    const { authority } = certificates();
    const tls = await openTestTls();
    const opened = await openTestStore(options);
    const calls: CallRecord[] = [];
    const server = await startTestServer(testRoutes(opened.store, calls), {
      tls,
      http: { host: '127.0.0.1', port: 0 },
    });
    const baseUrl = `https://${way === 'gRPC' ? server.addresses.grpc : server.addresses.http}`;
    const opening = openTransport(baseUrl, authority.pem, way);
    return {
      ...opened,
      ...clientsOf(opening.transport),
      transport: opening.transport,
      calls,
      [Symbol.asyncDispose]: async () => {
        opening[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
        tls[Symbol.dispose]();
        await opened[Symbol.asyncDispose]();
      },
    };
  };
}
