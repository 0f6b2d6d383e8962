import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { connect as connectSocket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Transport } from '@connectrpc/connect';
import { ArtifactaError } from '../errors.ts';
import type { Sessions } from './http2-session.ts';
import type { Endpoint } from './platform.ts';
import { transportPerCall } from './transport-per-call.ts';

/** Texts in PEM, or the bytes of such texts. */
export type Pem = string | Uint8Array | (string | Uint8Array)[];

/**
 * Certificates for `grpcs:` and `https:`, as `node:tls` takes them. Default: the system's. The types are spelled out,
 * since a program that uses the package may have no types of Node.
 */
export interface TlsOptions {
  readonly ca?: Pem | undefined;
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
}

/** The room for an answer: a page or a chunk, and its frame. */
const messageBytesMax = 4 * 1024 * 1024;
const grpcPortDefault = '50051';

/**
 * Opens the way to a service; nothing is sent yet.
 *
 * @param url `grpc://host:port`, `grpcs://host:port` (TLS), both with port 50051 by default; `unix:/path` (gRPC on a
 * socket); `http://host:port` or `https://host:port` (Connect over HTTP/1.1, where HTTP/2 does not pass).
 * @throws ArtifactaError INVALID_ARGUMENT for any other URL.
 */
export async function openEndpoint(url: string, tls: TlsOptions = {}): Promise<Endpoint> {
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (path === '') throw invalidUrl(url, 'must name the path of a socket, as unix:/PATH');
    return grpcEndpoint('http://localhost', { createConnection: () => connectSocket(path) });
  }
  const parsed = URL.parse(url);
  if (parsed === null) throw invalidUrl(url, 'must be a URL');
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '')
    throw invalidUrl(url, 'must have only a scheme, a host and a port');
  switch (parsed.protocol) {
    case 'grpc:':
    case 'grpcs:': {
      if (parsed.hostname === '') throw invalidUrl(url, 'must name a host');
      if (parsed.pathname !== '' && parsed.pathname !== '/')
        throw invalidUrl(url, 'must not contain a path; the services are at the root');
      const scheme = parsed.protocol === 'grpc:' ? 'http' : 'https';
      return grpcEndpoint(`${scheme}://${parsed.hostname}:${parsed.port || grpcPortDefault}`, tls);
    }
    case 'http:':
    case 'https:':
      return httpEndpoint(parsed, tls);
    default:
      throw invalidUrl(url, 'must begin with grpc:, grpcs:, http:, https: or unix:');
  }
}

async function grpcEndpoint(baseUrl: string, options: object): Promise<Endpoint> {
  const [{ createGrpcTransport }, http2] = await Promise.all([
    import('@connectrpc/connect-node'),
    import('./http2-session.ts'),
  ]);
  const forAnswers = new http2.Sessions(baseUrl, options, { isWide: true });
  // With the protocol's own windows, the service can always write all that may be under way towards us, and so always
  // reads.
  const forRequests = new http2.Sessions(baseUrl, options, { isWide: false });
  const over = (sessions: Sessions) =>
    transportPerCall(sessions, (perCall) =>
      createGrpcTransport({
        ...perCall,
        baseUrl,
        // The bytes are most often compressed already, and compression costs more than the network saves.
        acceptCompression: [],
        readMaxBytes: messageBytesMax,
      }),
    );
  const downwards = over(forAnswers);
  const upwards = over(forRequests);
  const transport: Transport = {
    unary: (...call) => upwards.unary(...call),
    stream: (...call) => {
      const [method] = call;
      return (method.methodKind === 'server_streaming' ? downwards : upwards).stream(...call);
    },
  };
  const close = async () => {
    forAnswers.close();
    forRequests.close();
  };
  return { transport, close };
}

async function httpEndpoint(url: URL, tls: TlsOptions): Promise<Endpoint> {
  const { createConnectTransport } = await import('@connectrpc/connect-node');
  const agent =
    url.protocol === 'http:'
      ? new HttpAgent({ keepAlive: true })
      : new HttpsAgent({ keepAlive: true, ...(tls as SecureContextOptions) });
  const transport = createConnectTransport({
    baseUrl: url.href.replace(/\/$/, ''),
    httpVersion: '1.1',
    nodeOptions: { agent },
    acceptCompression: [],
    readMaxBytes: messageBytesMax,
  });
  return { transport, close: async () => agent.destroy() };
}

function invalidUrl(url: string, what: string): ArtifactaError {
  // A URL with a password is not repeated.
  const shown = url.includes('@') ? '' : ` ${JSON.stringify(url)}`;
  return new ArtifactaError(`the URL${shown} ${what}`, {
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'url', description: what }],
  });
}
