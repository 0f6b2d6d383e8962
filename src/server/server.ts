/** Starts the service's listeners, and ends them without breaking off calls under way. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { type ByteRoom, usualInflatedRoom } from '../api/byte-room.ts';
import { usualPlaces } from '../api/places.ts';
import type { ReceivedBytes } from '../api/receiving/received-bytes.ts';
import { OpenCalls } from '../api/sending/open-calls.ts';
import type { UnsentBytes } from '../api/sending/unsent-bytes.ts';
import type { OpenShared } from '../api/shared.ts';
import type { TakeTicket } from '../api/tickets/use.ts';
import type { TransportKind } from '../api/transport.ts';
import { type Address, formatAddress } from '../domain/address.ts';
import { ListenError, prepareSocket } from './addresses.ts';
import { type Admit, admitAll } from './admit.ts';
import { Answers, usualUnsent } from './answers.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { type DrainResult, Ending, type EndingOptions, type Ends } from './ending.ts';
import { FairStarts } from './fair-starts.ts';
import { boundDecoding } from './grpc/decoding.ts';
import { collect, type Routes, serve } from './grpc/grpc.ts';
import { refusedHead } from './grpc/heads.ts';
import { Health, health } from './grpc/health.ts';
import {
  advertise,
  answerWithoutCall,
  lookAtHeads,
  openConnectionWindows,
  placeConnections,
} from './grpc/internals.ts';
import { Leftovers } from './grpc/leftover.ts';
import { serveReflection } from './grpc/reflection.ts';
import { explainOwnStatuses, noSuchMethod } from './grpc/status.ts';
import { unaryCalls } from './grpc/unary.ts';
import type { NodeServer } from './http/connections.ts';
import type { OperatorMetrics } from './http/console/metrics.ts';
import { PreviewOrigin } from './http/console/preview-origin.ts';
import { type HttpOptions, startHttp } from './http/http.ts';
import type { McpEndpoint } from './http/mcp/mcp-route.ts';
import { wireBytesMax } from './messages/encodings.ts';
import { Readiness } from './readiness.ts';
import { usualReceived } from './receiving.ts';
import { FollowingCredentials, type Tls } from './tls.ts';

const MiB = 1024 * 1024;
const windowBytesDefault = 4 * MiB;
/**
 * The limits for other replicas. Their largest message is a commit, with a content for the index, or with four bytes for
 * each MiB of a content in the bucket.
 */
const replicaLimits = { messageBytesMax: 16 * MiB, concurrentStreamsMax: 4_096 };

// grpc-js writes headers that it cannot parse to standard error, and one of them could be a token.
setLogVerbosity(logVerbosity.NONE);

/** The listeners to open, and what all of them share. */
export interface ServerOptions extends EndingOptions {
  readonly routes: Routes;
  /** The address for gRPC. Port 0 takes any free port. Default: none. */
  readonly grpc?: Address;
  /** The address for HTTP. Port 0 takes any free port. Default: none. */
  readonly http?: Address | undefined;
  /** The address for other replicas, and what they may call there, over gRPC. Default: none. */
  readonly replicas?: { readonly address: Address; readonly routes: Routes } | undefined;
  /** The certificates for TLS on the listeners on the network. Default: in clear. */
  readonly tls?: Tls | undefined;
  /**
   * Names under which the HTTP listener may be called, in addition to loopback's and the host where it listens. Default:
   * none.
   */
  readonly httpHosts?: readonly string[];
  /** Origins whose pages may call the HTTP listener; `*` for all. Default: only its own. */
  readonly corsOrigins?: readonly string[];
  /** The URL at which others reach HTTP. Pages of its origin are the service's own. Default: not known. */
  readonly publicUrl?: string | undefined;
  /** The figures that operators may read at `/metrics` of HTTP. Default: none. */
  readonly metrics?: OperatorMetrics | undefined;
  /** The origin where previews are served. It needs `publicUrl`, whose pages show them. Default: where everything is. */
  readonly previewOrigin?: string | undefined;
  /** Opens share links, over HTTP. Default: none are opened. */
  readonly shared?: OpenShared | undefined;
  /** Takes tickets, over HTTP. Default: none are taken. */
  readonly tickets?: TakeTicket | undefined;
  /** Serves MCP over HTTP. Default: it is not served. */
  readonly mcp?: McpEndpoint | undefined;
  /** The directory with the files of the web console, served over HTTP. Default: none is served. */
  readonly consoleDir?: string | undefined;
  /** Whether to refuse HTTP calls under other names. Leave it on while callers are not authenticated. Default true. */
  readonly checkHost?: boolean;
  /** The path of a Unix socket on which the same is served. Default: none. */
  readonly socket?: string;
  /** The size of the largest message that is accepted. */
  readonly messageBytesMax: number;
  /** The number of calls that one connection may have open. */
  readonly concurrentStreamsMax: number;
  /** The number of connections to each listener. Default: as many as usual. */
  readonly connectionsMax?: number;
  /** The bytes that a client may send ahead on one stream, and on one connection. Default 4 MiB. */
  readonly windowBytes?: number;
  /** The count of bytes that wait to be sent, on all transports. Default: a count with the usual limits. */
  readonly unsent?: UnsentBytes;
  /** The count of open calls, on all transports. Default: as many as usual. */
  readonly openCalls?: OpenCalls;
  /** The count of received bytes of requests, on all transports. Default: with the usual limits. */
  readonly received?: ReceivedBytes;
  /** Decides when calls begin. Default: in turns of the event loop. */
  readonly starts?: FairStarts;
  /** Room for inflated messages, on all transports. Default: room with the usual limits. */
  readonly inflatedRoom?: ByteRoom;
  /** Gets unforeseen errors; the caller gets only INTERNAL. */
  readonly onUnexpectedError: (error: unknown, method: string) => void;
  /** Decides who may see the descriptors. Default: every caller. */
  readonly admit?: Admit;
  /** Default: a new one, which is set to serving before this resolves. */
  readonly readiness?: Readiness;
}

/** A running server. Disposal breaks off calls under way. */
export interface RunningServer<Grpc = string | null> extends AsyncDisposable {
  readonly addresses: {
    readonly grpc: Grpc;
    readonly http: string | null;
    readonly socket: string | null;
    readonly replicas: string | null;
  };
  /** Node's server of the HTTP listener. */
  readonly httpServer: NodeServer | null;
  readonly readiness: Readiness;
  /** Resolves at the next instant at which no call is under way; at once if none is now. */
  whenIdle(): Promise<void>;
  /**
   * Announces that it leaves, waits, takes no more calls, waits for those under way, breaks off the rest. Idempotent.
   */
  drain(): Promise<DrainResult>;
  /** Cuts a drain short; begins one if none is under way. */
  force(): Promise<DrainResult>;
}

/** Starts the listeners. @throws Error if it cannot listen on an address; nothing then stays open. */
export async function startServer(
  options: ServerOptions & { readonly grpc: Address },
): Promise<RunningServer<string>>;
export async function startServer(options: ServerOptions): Promise<RunningServer>;
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const readiness = options.readiness ?? new Readiness();
  const stop = new AbortController();
  const calls = new CallsInFlight();
  const { names, methods } = collect(options.routes);
  const healthMethods = collect((router) =>
    router.service(Health, health(readiness, [...names, Health.typeName])),
  );
  const served = [...methods, ...healthMethods.methods];
  const shared = sharedOf(options);
  const { answers, inflatedRoom } = shared;
  const inflation = { room: inflatedRoom, messageBytesMax: options.messageBytesMax };
  const parts = { ...shared, inflation, methods: served, stop: stop.signal, calls };
  // Each listener has a server of its own, so that the transport of each call is known.
  const servers: Ends[] = [];
  const forReplicas = { servers: [] as Ends[], calls: new CallsInFlight() };
  const listen = async (transport: TransportKind, target: string): Promise<number> => {
    const limited = limitsOf(transport, options);
    const server = makeServer(options, limited);
    const leftovers = new Leftovers();
    const inflation = { ...limited, room: inflatedRoom };
    const { onUnexpectedError, tls } = options;
    const isInternal = transport === 'replica';
    const { servers: ended, calls: under } = isInternal ? forReplicas : { servers, calls };
    ended.push(endsOf(server, leftovers));
    const offered = isInternal ? collect(options.replicas!.routes).methods : served;
    const callOptions = { transport, stop: stop.signal, calls: under, answers, inflation, onUnexpectedError };
    serve(server, offered, callOptions);
    if (!isInternal)
      serveReflection(server, { ...callOptions, methods: served, admit: options.admit ?? admitAll });
    const port = await bind(server, target, credentialsFor(transport, tls));
    placeConnections(server, options.connectionsMax ?? usualPlaces.listener);
    const take = unaryCalls(offered, callOptions);
    lookAtHeads(server, refusedHead, { ...orderOf(transport, shared), leftovers, take });
    openConnectionWindows(server, options.windowBytes ?? windowBytesDefault);
    return port;
  };
  try {
    const { grpc, http, socket, replicas } = options;
    const port = grpc === undefined ? 0 : await listen('network', formatAddress(grpc));
    const httpListener = http === undefined ? undefined : await startHttp(httpOptions(options, http, parts));
    if (httpListener !== undefined) servers.push(httpListener);
    if (socket !== undefined) {
      await prepareSocket(socket);
      await listen('socket', `unix:${socket}`);
    }
    const replicaPort = replicas === undefined ? 0 : await listen('replica', formatAddress(replicas.address));
    if (options.readiness === undefined) readiness.set('serving');
    const ending = new Ending(servers, { readiness, calls, forReplicas, stop, options });
    return {
      addresses: {
        grpc: grpc === undefined ? null : formatAddress({ ...grpc, port }),
        http: httpListener === undefined ? null : formatAddress({ ...http!, port: httpListener.port }),
        socket: socket ?? null,
        replicas: replicas === undefined ? null : formatAddress({ ...replicas.address, port: replicaPort }),
      },
      httpServer: httpListener?.server ?? null,
      readiness,
      whenIdle: () => calls.whenIdle(),
      drain: () => ending.drain(),
      force: () => ending.force(),
      [Symbol.asyncDispose]: async () => {
        await ending.force();
      },
    };
  } catch (error) {
    for (const server of [...servers, ...forReplicas.servers]) server.forceShutdown();
    throw error;
  }
}

/** Returns the limits that all transports share. */
function sharedOf(options: ServerOptions) {
  return {
    answers: new Answers(options.unsent ?? usualUnsent()),
    openCalls: options.openCalls ?? new OpenCalls(),
    received: options.received ?? usualReceived(),
    starts: options.starts ?? new FairStarts(),
    inflatedRoom: options.inflatedRoom ?? usualInflatedRoom(),
  };
}

function httpOptions(
  options: ServerOptions,
  address: Address,
  parts: Pick<
    HttpOptions,
    'methods' | 'stop' | 'calls' | 'answers' | 'openCalls' | 'received' | 'starts' | 'inflation'
  >,
): HttpOptions {
  const ownOrigin = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).origin;
  const { previewOrigin } = options;
  if (previewOrigin !== undefined && ownOrigin === undefined)
    throw new Error('an origin for previews needs the public URL of the pages that show them');
  const previews =
    previewOrigin === undefined || ownOrigin === undefined
      ? undefined
      : new PreviewOrigin(previewOrigin, ownOrigin);
  return {
    ...parts,
    address,
    transport: 'network',
    tls: options.tls,
    listenHost: address.host,
    shared: options.shared,
    tickets: options.tickets,
    mcp: options.mcp,
    consoleDir: options.consoleDir,
    metrics: options.metrics,
    hosts: [...(options.httpHosts ?? []), ...(previews === undefined ? [] : [previews.host])],
    previews,
    corsOrigins: options.corsOrigins ?? [],
    ownOrigin,
    checkHost: options.checkHost ?? true,
    messageBytesMax: options.messageBytesMax,
    concurrentStreamsMax: options.concurrentStreamsMax,
    connectionsMax: options.connectionsMax ?? usualPlaces.listener,
    windowBytes: options.windowBytes ?? windowBytesDefault,
    onUnexpectedError: options.onUnexpectedError,
  };
}

/** Returns the credentials of a gRPC listener. Replicas prove by other means who they are. */
function credentialsFor(transport: TransportKind, tls: Tls | undefined): ServerCredentials {
  if (tls === undefined || transport === 'socket') return ServerCredentials.createInsecure();
  return transport === 'replica'
    ? new FollowingCredentials(tls, { requestCert: false, rejectUnauthorized: false })
    : new FollowingCredentials(tls);
}

type Limits = Pick<ServerOptions, 'messageBytesMax' | 'concurrentStreamsMax'>;

/** Returns the limits of a listener. */
function limitsOf(
  transport: TransportKind,
  { messageBytesMax, concurrentStreamsMax }: ServerOptions,
): Limits {
  return transport === 'replica' ? replicaLimits : { messageBytesMax, concurrentStreamsMax };
}

/** Returns the counters of a listener. Each connection of a replica has the calls of many clients: they count apart. */
function orderOf(transport: TransportKind, { openCalls, starts, received }: ReturnType<typeof sharedOf>) {
  return transport === 'replica'
    ? { calls: new OpenCalls(), starts: new FairStarts(), received }
    : { calls: openCalls, starts, received };
}

function makeServer(options: ServerOptions, { messageBytesMax, concurrentStreamsMax }: Limits): Server {
  const server = new Server({
    'grpc.max_receive_message_length': wireBytesMax(true, messageBytesMax),
    'grpc.max_concurrent_streams': concurrentStreamsMax,
    'grpc.enable_channelz': 0,
    // These settings find clients that vanished without closing.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // A client that calls again connects again.
    'grpc.max_connection_idle_ms': 300_000,
    interceptors: [explainOwnStatuses, boundDecoding(messageBytesMax)],
  });
  answerWithoutCall(server, noSuchMethod);
  advertise(server, { windowBytes: options.windowBytes ?? windowBytesDefault, frameBytesMax: MiB });
  return server;
}

/** @throws ListenError */
async function bind(server: Server, target: string, credentials: ServerCredentials): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new ListenError(target.startsWith('unix:') ? 'socket' : 'grpc', target, error));
    });
  });
}

/** Returns how a listener takes no more calls, and ends when those under way have ended. */
function endsOf(server: Server, leftovers: Leftovers): Ends {
  return {
    shutDown: async () => {
      leftovers.hurry();
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    },
    forceShutdown: () => server.forceShutdown(),
  };
}
