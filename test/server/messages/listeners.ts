/** Every way in, with messages that the client compresses. */
import { connect } from 'node:net';
import type { Transport } from '@connectrpc/connect';
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { onTestFinished } from 'vitest';
import type { TestServer } from '../grpc/listeners.ts';

/** Where a service listens, with TLS where the way says so. */
interface Listening {
  readonly clear: TestServer;
  readonly secure: TestServer | undefined;
  readonly ca: Buffer | undefined;
}

const compressed = {
  sendCompression: compressionGzip,
  acceptCompression: [compressionGzip],
  compressMinBytes: 0,
};

function overHttp2(make: typeof createGrpcTransport, baseUrl: string, options: object = {}): Transport {
  const sessionManager = new Http2SessionManager(baseUrl, {}, options);
  onTestFinished(() => sessionManager.abort());
  return make({ baseUrl, sessionManager, httpVersion: '2', ...compressed } as never);
}

function overHttp1(make: typeof createConnectTransport, { clear }: Listening, useBinaryFormat = true) {
  const baseUrl = `http://${clear.addresses.http}`;
  return make({ baseUrl, httpVersion: '1.1', useBinaryFormat, ...compressed });
}

/** The transports, to be closed with the test. */
export const compressing: Readonly<Record<string, (listening: Listening) => Transport>> = {
  gRPC: ({ clear }) => overHttp2(createGrpcTransport, `http://${clear.addresses.grpc}`),
  'the local socket': ({ clear }) =>
    overHttp2(createGrpcTransport, 'http://localhost', {
      createConnection: () => connect(clear.addresses.socket!),
    }),
  Connect: (listening) => overHttp1(createConnectTransport, listening),
  'Connect with JSON': (listening) => overHttp1(createConnectTransport, listening, false),
  'gRPC-Web': (listening) => overHttp1(createGrpcWebTransport as typeof createConnectTransport, listening),
  'gRPC over TLS': ({ secure, ca }) =>
    overHttp2(createGrpcTransport, `https://${secure!.addresses.grpc}`, { ca }),
  'Connect over HTTP/2 and TLS': ({ secure, ca }) =>
    overHttp2(createConnectTransport as never, `https://${secure!.addresses.http}`, { ca }),
  'gRPC-Web over HTTP/2 and TLS': ({ secure, ca }) =>
    overHttp2(createGrpcWebTransport as never, `https://${secure!.addresses.http}`, { ca }),
};
