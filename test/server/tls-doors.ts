/** The doors over TLS, to be called through connect-node by HTTP/2. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import type { CallRecord } from '../../src/api/guard.ts';
import { Tls } from '../../src/server/tls.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { clientsOf, type OpenDoor, openTestStore, testRoutes } from '../support/door.ts';
import { startTestServer } from './grpc/doors.ts';

interface Certificates {
  readonly authority: Authority;
  readonly pair: Certificate;
}

let made: Certificates | undefined;

/** Made once, since every door here may show the same. */
function certificates(): Certificates {
  if (made !== undefined) return made;
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-tls-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  const authority = new Authority(directory);
  made = { authority, pair: authority.issue('served') };
  return made;
}

type TlsProtocol = 'gRPC' | 'Connect' | 'Connect with JSON' | 'gRPC-Web';

function transportOf(protocol: TlsProtocol, baseUrl: string, sessionManager: Http2SessionManager): Transport {
  const options = { baseUrl, httpVersion: '2' as const, sessionManager, acceptCompression: [] };
  if (protocol === 'gRPC') return createGrpcTransport(options);
  if (protocol === 'gRPC-Web') return createGrpcWebTransport(options);
  return createConnectTransport({ ...options, useBinaryFormat: protocol === 'Connect' });
}

/** A door of the suites, with a certificate of its own. */
export function openTlsDoor(protocol: TlsProtocol): OpenDoor {
  return async (options) => {
    const { authority, pair } = certificates();
    const tls = await Tls.open(pair, { warn: () => undefined, after: () => () => {} });
    const opened = await openTestStore(options);
    const calls: CallRecord[] = [];
    const server = await startTestServer(testRoutes(opened.store, calls), {
      tls,
      http: { host: '127.0.0.1', port: 0 },
    });
    const baseUrl = `https://${protocol === 'gRPC' ? server.addresses.grpc : server.addresses.http}`;
    const sessions = new Http2SessionManager(baseUrl, {}, { ca: authority.pem });
    const transport = transportOf(protocol, baseUrl, sessions);
    return {
      ...opened,
      ...clientsOf(transport),
      transport,
      calls,
      [Symbol.asyncDispose]: async () => {
        sessions.abort();
        await server[Symbol.asyncDispose]();
        tls[Symbol.dispose]();
        await opened[Symbol.asyncDispose]();
      },
    };
  };
}
