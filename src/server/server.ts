/** Starts the service's listeners, and ends them without breaking off calls under way. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { type ByteRoom, usualInflatedRoom } from '../api/byte-room.ts';
import { usualPlaces } from '../api/places.ts';
import type { ReceivedBytes } from '../api/receiving/received-bytes.ts';
import { OpenCalls } from '../api/sending/open-calls.ts';
import type { UnsentBytes } from '../api/sending/unsent-bytes.ts';
import type { OpenShared } from '../api/shared.ts';
import type { TakeTicket } from '../api/tickets/use.ts';
import { afterAwaitedTime } from '../api/timer.ts';
import type { TransportKind } from '../api/transport.ts';
import { type Address, formatAddress } from '../domain/address.ts';
import { ListenError, prepareSocket } from './addresses.ts';
import { type Admit, admitAll } from './admit.ts';
import { Answers, usualUnsent } from './answers.ts';
import { CallsInFlight } from './calls-in-flight.ts';
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
import { serveReflection } from './grpc/reflection.ts';
import { explainOwnStatuses, noSuchMethod } from './grpc/status.ts';
import { unaryCalls } from './grpc/unary.ts';
import type { NodeServer } from './http/connections.ts';
import type { OperatorMetrics } from './http/console/metrics.ts';
import { PreviewOrigin } from './http/console/preview-origin.ts';
import { type HttpListener, type HttpOptions, startHttp } from './http/http.ts';
import type { McpEndpoint } from './http/mcp/mcp-route.ts';
import { wireBytesMax } from './messages/encodings.ts';
import { Readiness } from './readiness.ts';
import { usualReceived } from './receiving.ts';
import { shuttingDown } from './refusals.ts';
import { FollowingCredentials, type Tls } from './tls.ts';

const MiB = 1024 * 1024;
const windowBytesDefault = 4 * MiB;

// grpc-js writes headers that it cannot parse to standard error, and one of them could be a token.
setLogVerbosity(logVerbosity.NONE);

/** The listeners to open, and what all of them share. */
export interface ServerOptions {
  readonly routes: Routes;
  /** The address for gRPC. Port 0 takes any free port. Default: none. */
  readonly grpc?: Address;
  /** The address for HTTP. Port 0 takes any free port. Default: none. */
  readonly http?: Address | undefined;
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
  /** How long calls are still taken after the service has announced that it leaves, in milliseconds. Default 0. */
  readonly graceMs?: number;
  /** How long calls may take to end after that, in milliseconds. */
  readonly drainMs: number;
  /** Called once, when the listeners close: calls that never end by themselves should end now. Default: does nothing. */
  readonly onStopping?: () => void;
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

interface DrainResult {
  /** The number of calls that had to be broken off. */
  readonly brokenOff: number;
}

/** A running server. Disposal breaks off calls under way. */
export interface RunningServer<Grpc = string | null> extends AsyncDisposable {
  readonly addresses: {
    readonly grpc: Grpc;
    readonly http: string | null;
    readonly socket: string | null;
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
  const { onUnexpectedError } = options;
  const served = [...methods, ...healthMethods.methods];
  const shared = sharedOf(options);
  const { answers, inflation, openCalls, received, starts } = shared;
  const parts = { ...shared, methods: served, stop: stop.signal, calls };
  // Each listener has a server of its own, so that the transport of each call is known.
  const servers: Ends[] = [];
  const listen = async (transport: TransportKind, target: string): Promise<number> => {
    const server = makeServer(options);
    servers.push({ shutDown: () => shutDown(server), forceShutdown: () => server.forceShutdown() });
    const callOptions = { transport, stop: stop.signal, calls, answers, inflation, onUnexpectedError };
    serve(server, served, callOptions);
    serveReflection(server, { ...callOptions, methods: served, admit: options.admit ?? admitAll });
    const { tls } = options;
    const secured = transport === 'network' && tls !== undefined;
    const port = await bind(
      server,
      target,
      secured ? new FollowingCredentials(tls) : ServerCredentials.createInsecure(),
    );
    openConnectionWindows(server, options.windowBytes ?? windowBytesDefault);
    placeConnections(server, options.connectionsMax ?? usualPlaces.listener);
    const take = unaryCalls(served, callOptions);
    lookAtHeads(server, refusedHead, { calls: openCalls, starts, received, take });
    return port;
  };
  try {
    const { grpc, http, socket } = options;
    const port = grpc === undefined ? 0 : await listen('network', formatAddress(grpc));
    const httpListener = http === undefined ? undefined : await startHttp(httpOptions(options, http, parts));
    if (httpListener !== undefined) servers.push(httpListener);
    if (socket !== undefined) {
      await prepareSocket(socket);
      await listen('socket', `unix:${socket}`);
    }
    if (options.readiness === undefined) readiness.set('serving');
    const ending = new Ending(servers, { readiness, calls, stop, options });
    return {
      addresses: {
        grpc: grpc === undefined ? null : formatAddress({ ...grpc, port }),
        http: httpListener === undefined ? null : formatAddress({ ...http!, port: httpListener.port }),
        socket: socket ?? null,
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
    for (const server of servers) server.forceShutdown();
    throw error;
  }
}

/** Returns the limits that all transports share. */
function sharedOf(options: ServerOptions) {
  const { messageBytesMax } = options;
  return {
    answers: new Answers(options.unsent ?? usualUnsent()),
    openCalls: options.openCalls ?? new OpenCalls(),
    received: options.received ?? usualReceived(),
    starts: options.starts ?? new FairStarts(),
    inflation: { room: options.inflatedRoom ?? usualInflatedRoom(), messageBytesMax },
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

function makeServer(options: ServerOptions): Server {
  const server = new Server({
    'grpc.max_receive_message_length': wireBytesMax(true, options.messageBytesMax),
    'grpc.max_concurrent_streams': options.concurrentStreamsMax,
    'grpc.enable_channelz': 0,
    // These settings find clients that vanished without closing.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // A client that calls again connects again.
    'grpc.max_connection_idle_ms': 300_000,
    interceptors: [explainOwnStatuses, boundDecoding(options.messageBytesMax)],
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

/** The part of a listener that is needed to end it. */
type Ends = Pick<HttpListener, 'shutDown' | 'forceShutdown'>;

interface EndingParts {
  readonly readiness: Readiness;
  readonly calls: CallsInFlight;
  readonly stop: AbortController;
  readonly options: Pick<ServerOptions, 'graceMs' | 'drainMs' | 'onStopping'>;
}

/**
 * Returns how long calls are still taken during a grace. An idle service must have ended when the grace is over, and
 * ending takes a moment.
 */
function takingMs(graceMs: number): number {
  return graceMs - Math.min(500, graceMs / 10);
}

/** How long broken-off handlers may take to clean up and to send their last status, in milliseconds. */
const cleanUpMs = 2_000;

class Ending {
  private readonly servers: readonly Ends[];
  private readonly parts: EndingParts;
  private readonly forced = Promise.withResolvers<void>();
  private drained: Promise<DrainResult> | undefined;

  constructor(servers: readonly Ends[], parts: EndingParts) {
    this.servers = servers;
    this.parts = parts;
  }

  drain(): Promise<DrainResult> {
    this.drained ??= this.run();
    return this.drained;
  }

  force(): Promise<DrainResult> {
    this.forced.resolve();
    return this.drain();
  }

  private async run(): Promise<DrainResult> {
    const { readiness, calls, stop, options } = this.parts;
    readiness.set('leaving');
    await this.settled(undefined, takingMs(options.graceMs ?? 0));
    readiness.set('stopping');
    options.onStopping?.();
    const closed = Promise.all(this.servers.map((server) => server.shutDown())).then(() => undefined);
    // Connections without an open stream end by themselves; one idle stream would keep its connection forever.
    await this.settled(
      closed.then(() => calls.whenIdle()),
      options.drainMs,
    );
    const brokenOff = calls.count;
    stop.abort(shuttingDown());
    // The next wait is for handlers, and `forced` must not cut it short: the store is closed after it.
    await withTimeout(calls.whenIdle(), cleanUpMs);
    await withTimeout(closed, 100);
    for (const server of this.servers) server.forceShutdown();
    return { brokenOff };
  }

  /** Resolves after `ms`, when `work` has settled, or when forced. */
  private async settled(work: Promise<void> | undefined, ms: number): Promise<void> {
    await withTimeout(Promise.race([work ?? new Promise<void>(() => {}), this.forced.promise]), ms);
  }
}

/** Takes no more calls from now on; resolves when those under way have ended. */
async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
}

async function withTimeout(work: Promise<void>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const cancel = afterAwaitedTime(ms, timeout.resolve);
  await Promise.race([work, timeout.promise]);
  cancel();
}
