import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { connect as connectSocket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Transport } from '@connectrpc/connect';
import type { GrpcTransportOptions } from '@connectrpc/connect-node';
import { ArtifactaError } from '../errors.ts';

/** A way to a service, and how to let go of it. */
export interface Endpoint {
  readonly transport: Transport;
  /** Closes its connections; calls under way fail. */
  close(): Promise<void>;
}

/** Certificates for `grpcs:` and `https:`, as `node:tls` takes them. Default: the system's. */
export type TlsOptions = Pick<SecureContextOptions, 'ca' | 'cert' | 'key'>;

/** Room for the answers: a page or a chunk, and what surrounds it. */
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
    if (path === '') throw invalidUrl(url, 'names no socket');
    return grpcEndpoint('http://localhost', { createConnection: () => connectSocket(path) });
  }
  const parsed = URL.parse(url);
  if (parsed === null) throw invalidUrl(url, 'is not a URL');
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '')
    throw invalidUrl(url, 'may hold only a scheme, a host and a port');
  switch (parsed.protocol) {
    case 'grpc:':
    case 'grpcs:': {
      if (parsed.hostname === '') throw invalidUrl(url, 'names no host');
      if (parsed.pathname !== '' && parsed.pathname !== '/') throw invalidUrl(url, 'may not hold a path');
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
  const [{ createGrpcTransport }, { openSessions, WideSessionManager }] = await Promise.all([
    import('@connectrpc/connect-node'),
    import('./http2-session.ts'),
  ]);
  const over = (sessionManager: Required<GrpcTransportOptions>['sessionManager']) =>
    createGrpcTransport({
      baseUrl,
      sessionManager,
      // The bytes are most often compressed already, and compressing costs more than the network saves.
      acceptCompression: [],
      readMaxBytes: messageBytesMax,
    });
  const forAnswers = new WideSessionManager(baseUrl, options);
  // With the protocol's own windows the service can always write what may be under way towards us, and so always reads.
  const forRequests = openSessions(baseUrl, options);
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
    forRequests.abort();
  };
  return { transport, close };
}

async function httpEndpoint(url: URL, tls: TlsOptions): Promise<Endpoint> {
  const { createConnectTransport } = await import('@connectrpc/connect-node');
  const agent =
    url.protocol === 'http:'
      ? new HttpAgent({ keepAlive: true })
      : new HttpsAgent({ keepAlive: true, ...tls });
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
  // One that holds a password is not repeated.
  const shown = url.includes('@') ? '' : ` ${JSON.stringify(url)}`;
  return new ArtifactaError(`the URL${shown} ${what}`, {
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'url', description: what }],
  });
}
