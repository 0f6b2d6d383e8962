/** The HTTP listener: Connect, gRPC-Web and JSON for the services, and plain HTTP for contents. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { MethodImplSpec } from '@connectrpc/connect';
import type { ReceivedBytes } from '../../api/receiving/received-bytes.ts';
import type { OpenCalls } from '../../api/sending/open-calls.ts';
import type { OpenShared } from '../../api/shared.ts';
import type { TakeTicket } from '../../api/tickets/use.ts';
import { type Address, formatAddress } from '../../domain/address.ts';
import { ListenError } from '../addresses.ts';
import type { FairStarts } from '../fair-starts.ts';
import { isOfHttp2 } from '../heads/request-heads.ts';
import { occursTwice, repeatedHeader } from '../heads/single-headers.ts';
import { givePlaces } from '../places.ts';
import { countBody } from '../receiving.ts';
import { refusal, shuttingDown, tooManyOpenCalls } from '../refusals.ts';
import { rememberSockets } from '../sockets/connection-sockets.ts';
import { resetStreams } from '../sockets/stream-resets.ts';
import { paceFrames } from '../sockets/tiny-pieces.ts';
import type { Tls } from '../tls.ts';
import { Turns } from '../turns.ts';
import { type ConnectOptions, connectCalls } from './connect-calls.ts';
import { Connections, type NodeServer } from './connections.ts';
import { ConsoleFiles } from './console/files.ts';
import type { OperatorMetrics } from './console/metrics.ts';
import type { PreviewOrigin } from './console/preview-origin.ts';
import { badField, badHead, HttpError, wholeAnswer } from './errors.ts';
import { connectionOf, Exchange } from './exchange.ts';
import type { McpEndpoint } from './mcp/mcp-route.ts';
import { OriginGate, type OriginOptions, preflightHeaders } from './origin-gate.ts';
import { PlainCalls } from './plain-calls.ts';
import { answerPlainly } from './routes.ts';

/** The place of the listener, what it serves, and to which callers. */
export interface HttpOptions extends ConnectOptions, OriginOptions {
  readonly methods: readonly MethodImplSpec[];
  readonly address: Address;
  /** Opens share links. Default: none are opened. */
  readonly shared?: OpenShared | undefined;
  /** Takes tickets. Default: none are taken. */
  readonly tickets?: TakeTicket | undefined;
  /** Serves MCP. Default: it is not served. */
  readonly mcp?: McpEndpoint | undefined;
  /** The directory with the files of the web console. Absent: none is served. */
  readonly consoleDir?: string | undefined;
  /** The figures for operators. Absent: none are served. */
  readonly metrics?: OperatorMetrics | undefined;
  /** Where previews are served. Absent: where everything else is. */
  readonly previews?: PreviewOrigin | undefined;
  /** With TLS: HTTP/1.1 and HTTP/2. Absent: HTTP/1.1 in clear. */
  readonly tls?: Tls | undefined;
  /** The open calls of this listener and others. */
  readonly openCalls: OpenCalls;
  /** The received bytes of this listener and others. */
  readonly received: ReceivedBytes;
  /** The starts of calls on this listener and others. */
  readonly starts: FairStarts;
  readonly concurrentStreamsMax: number;
  readonly connectionsMax: number;
  readonly windowBytes: number;
}

/** A listener. */
export interface HttpListener {
  readonly port: number;
  /** Node's own server. */
  readonly server: NodeServer;
  /** Takes no more requests from now on; resolves when those under way have ended. */
  shutDown(): Promise<void>;
  /** Breaks off the requests under way. */
  forceShutdown(): void;
}

/** Room for a name, metadata and labels at their limits, percent-encoded in the query of a PUT. */
const headBytesMax = 64 * 1024;
/** How long a client may take to send the head of a request, in milliseconds. */
const headersTimeout = 30_000;
/** A request with more headers is refused, since Node drops those beyond its own limit without a report. */
const headersMax = 100;

/** Starts the listener. @throws Error if it cannot listen on the address, or the options contradict each other. */
export async function startHttp(options: HttpOptions): Promise<HttpListener> {
  const gate = new OriginGate(options);
  const server = makeServer(options);
  if ('setSecureContext' in server) options.tls?.subscribe((context) => server.setSecureContext(context));
  // The settings widen only the windows of streams.
  server.on('session', (session: ServerHttp2Session) => session.setLocalWindowSize(options.windowBytes));
  if ('setSecureContext' in server) {
    rememberSockets(server as Http2SecureServer);
    paceFrames(server as Http2SecureServer);
    resetStreams(server as Http2SecureServer);
  }
  const turns = new Turns();
  givePlaces(server, options.connectionsMax, (socket, error) => socket.write(wholeAnswer(error)));
  const connections = new Connections(server, turns);
  const connect = connectCalls(options.methods, options);
  const calls = new PlainCalls(options.methods, options);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const { shared, tickets, mcp, consoleDir, previews, metrics } = options;
  const webConsole = consoleDir === undefined ? undefined : new ConsoleFiles(consoleDir);
  const served = { calls, shared, tickets, mcp, webConsole, previews, metrics, scheme } as const;
  const answer = (exchange: Exchange, hasPlace: boolean): Promise<void> => {
    options.calls.track(exchange.settled);
    connections.serve(exchange);
    if (!hasPlace) exchange.answerError(tooManyOpenCalls());
    else if (!refuse(exchange, { scheme, gate, connections, previews }) && !connect(exchange))
      exchange.stayOpenFor(answerPlainly(exchange, served, options));
    return exchange.settled;
  };
  const listener = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const { connection } = connectionOf(request, response);
    const ended = options.openCalls.begin(connection, request.rawHeaders);
    const body = isOfHttp2(request) ? (response as unknown as Http2ServerResponse).stream : request;
    const received = countBody(body, connection, options.received, () => body.destroy());
    response.once('close', () => received?.close());
    const begin = async () => {
      const exchange = new Exchange(request, response, awaitsContinue, options.answers, received);
      await answer(exchange, ended !== undefined);
      ended?.();
    };
    const start = () =>
      new Promise<void>((resolve) => {
        const drop = () => {
          ended?.();
          received?.close();
          resolve();
        };
        const isGone = () => request.destroyed;
        options.starts.add(connection ?? request, { begin: () => void begin().then(resolve), isGone, drop });
      });
    if (isOfHttp2(request)) void start();
    else {
      connections.hear(request, response);
      turns.take(request, start);
    }
  };
  // Over HTTP/2 the objects are those of the compatibility layer, which have the same members.
  const anyServer = server as Server;
  anyServer.on('request', listener(false)).on('checkContinue', listener(true));
  // This event also occurs for values that Node's HTTP/2 takes for another expectation, since it reads the value as if
  // case mattered. The head with any other expectation is bad.
  anyServer.on('checkExpectation', listener(true));
  await listen(server, options.address);
  return {
    port: (server.address() as AddressInfo).port,
    server,
    shutDown: () => connections.shutDown(),
    forceShutdown: () => connections.destroy(),
  };
}

/**
 * More than can occur, as grpc-js has it for its listeners. Node counts for a session the bytes that its streams still
 * have to send, and never subtracts those of streams that were reset. From its default of 10 MB on it refuses every
 * stream of a client that gives up downloads. The real limits of a connection are that of unsent bytes and that of
 * its streams.
 */
const sessionMegabytesMax = 1_000_000_000;

function makeServer(options: HttpOptions): NodeServer {
  const common = {
    maxHeaderSize: headBytesMax,
    headersTimeout,
    connectionsCheckingInterval: 5_000,
    // A request without a Host header gets an error of this service.
    requireHostHeader: false,
    // Node's limit would end long uploads. The handlers end requests that make no progress.
    requestTimeout: 0,
    // Longer than load balancers keep a connection that they may use again.
    keepAliveTimeout: 75_000,
  };
  const server =
    options.tls === undefined
      ? createServer(common)
      : createSecureServer({
          ...options.tls.server,
          ...options.tls.current,
          ...common,
          allowHTTP1: true,
          handshakeTimeout: 10_000,
          maxHeaderListPairs: headersMax + 8,
          maxSessionMemory: sessionMegabytesMax,
          settings: {
            maxConcurrentStreams: options.concurrentStreamsMax,
            initialWindowSize: options.windowBytes,
            maxHeaderListSize: headBytesMax,
            enablePush: false,
          },
        });
  Object.assign(server, {
    maxHeadersCount: 2 * headersMax,
    headersTimeout,
    requestTimeout: 0,
  });
  return server;
}

async function listen(server: NodeServer, address: Address): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address.host, port: address.port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw new ListenError('http', formatAddress(address), error as Error);
  } finally {
    server.off('error', reject);
  }
}

/** What a request passes before it reaches a handler. */
interface Checks {
  readonly scheme: 'http' | 'https';
  readonly gate: OriginGate;
  readonly connections: Connections;
  readonly previews: PreviewOrigin | undefined;
}

/** Answers preflights, and requests that may not reach a handler. Returns true if it has answered. */
function refuse(exchange: Exchange, { scheme, gate, connections, previews }: Checks): boolean {
  const { request, response, host } = exchange;
  const { origin } = request.headers;
  for (const [name, value] of Object.entries(gate.headersFor(origin))) response.setHeader(name, value);
  try {
    if (connections.isClosing) throw shuttingDown();
    if (request.rawHeaders.length > 2 * headersMax)
      throw new HttpError(
        431,
        refusal('INVALID_ARGUMENT', `the request must have at most ${headersMax} headers`),
      );
    const repeated = repeatedHeader(request.rawHeaders);
    if (repeated !== undefined) throw badField(repeated, occursTwice);
    if (exchange.badHead !== undefined) throw badHead(exchange.badHead);
    gate.admit({ scheme, host, origin });
    previews?.admit(exchange);
  } catch (error) {
    exchange.answerError(error as HttpError);
    return true;
  }
  const isPreflight =
    request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
  if (isPreflight) exchange.answer(204, preflightHeaders);
  return isPreflight;
}
