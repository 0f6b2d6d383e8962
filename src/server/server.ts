/** Starts the service's doors, and ends them without breaking off what is under way. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { type ByteRoom, usualInflatedRoom } from '../api/byte-room.ts';
import type { Door } from '../api/door.ts';
import { usualPlaces } from '../api/places.ts';
import type { ReceivedBytes } from '../api/receiving/received-bytes.ts';
import { OpenCalls } from '../api/sending/open-calls.ts';
import type { SendBudget } from '../api/sending/send-budget.ts';
import type { OpenShared } from '../api/shared.ts';
import { afterAwaitedTime } from '../api/timer.ts';
import { type Address, formatAddress } from '../domain/address.ts';
import { ListenError, prepareSocket } from './addresses.ts';
import { type Admit, admitAll } from './admit.ts';
import { Answers, usualBudget } from './answers.ts';
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
import type { NodeServer } from './http/connections.ts';
import { type HttpDoor, type HttpOptions, startHttp } from './http/http.ts';
import { wireBytesMax } from './messages/encodings.ts';
import { Readiness } from './readiness.ts';
import { usualReceived } from './receiving.ts';
import { shuttingDown } from './refusals.ts';
import { FollowingCredentials, type Tls } from './tls.ts';

const MiB = 1024 * 1024;
const windowBytesDefault = 4 * MiB;

// It writes headers that it cannot parse to standard error, and one of them could be a token.
setLogVerbosity(logVerbosity.NONE);

/** Which doors there are, and what all of them stand on. */
export interface ServerOptions {
  readonly routes: Routes;
  /** Where to serve gRPC. Port 0 takes any free one. Default: nowhere. */
  readonly grpc?: Address;
  /** Where to serve HTTP. Port 0 takes any free one. Default: nowhere. */
  readonly http?: Address | undefined;
  /** Serve the doors on the network over TLS. Default: in clear. */
  readonly tls?: Tls | undefined;
  /** Names by which the HTTP door may be called, besides loopback's and where it listens. Default: none. */
  readonly httpHosts?: readonly string[];
  /** Origins whose pages may call the HTTP door; `*` for all. Default: none but its own. */
  readonly corsOrigins?: readonly string[];
  /** What share links open, over HTTP. Default: nothing. */
  readonly shared?: OpenShared | undefined;
  /** Refuse HTTP calls by other names. To be left on while callers are not authenticated. Default true. */
  readonly checkHost?: boolean;
  /** Path of a Unix socket to serve the same on. Default: none. */
  readonly socket?: string;
  /** The largest message that is taken. */
  readonly messageBytesMax: number;
  /** Calls that one connection may have open. */
  readonly concurrentStreamsMax: number;
  /** Connections to each door. Default: as many as usual. */
  readonly connectionsMax?: number;
  /** What a client may send ahead on one stream, and on one connection. Default 4 MiB. */
  readonly windowBytes?: number;
  /** How long calls are still taken after the service has said that it leaves, in milliseconds. Default 0. */
  readonly graceMs?: number;
  /** How long calls may take to end after that, in milliseconds. */
  readonly drainMs: number;
  /** Called once, when the doors close: what never ends by itself should end now. Default: nothing does. */
  readonly onStopping?: () => void;
  /** Of what waits to be sent, on all doors. Default: one with the usual limits. */
  readonly sendBudget?: SendBudget;
  /** Of calls, on all doors. Default: as many as usual. */
  readonly openCalls?: OpenCalls;
  /** What has come of requests, on all doors. Default: with the usual limits. */
  readonly received?: ReceivedBytes;
  /** When calls begin. Default: in turns of the event loop. */
  readonly starts?: FairStarts;
  /** For what compressed messages hold, on all doors. Default: one with the usual limits. */
  readonly inflatedRoom?: ByteRoom;
  /** Told of errors that nobody foresaw; the caller only hears INTERNAL. */
  readonly onUnexpectedError: (error: unknown, method: string) => void;
  /** Who may see the descriptors. Default: everybody. */
  readonly admit?: Admit;
  /** Default: a new one, which is set to serving before this resolves. */
  readonly readiness?: Readiness;
}

interface DrainResult {
  /** Calls that had to be broken off. */
  readonly brokenOff: number;
}

/** A running server. Disposal breaks off what is under way. */
export interface RunningServer<Grpc = string | null> extends AsyncDisposable {
  readonly addresses: {
    readonly grpc: Grpc;
    readonly http: string | null;
    readonly socket: string | null;
  };
  /** Node's server of the HTTP door. */
  readonly httpServer: NodeServer | null;
  readonly readiness: Readiness;
  /** Resolves at the next instant at which no call is under way; at once if that is now. */
  whenIdle(): Promise<void>;
  /** Says that it leaves, waits, takes no more calls, waits for those under way, breaks off the rest. Idempotent. */
  drain(): Promise<DrainResult>;
  /** Cuts a drain short, or begins one that is. */
  force(): Promise<DrainResult>;
}

/** @throws Error if an address cannot be listened on; nothing then stays open. */
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
  // One server for each door, so that each call is known to have come by it.
  const servers: Ends[] = [];
  const listen = async (door: Door, target: string): Promise<number> => {
    const server = makeServer(options);
    servers.push({ shutDown: () => shutDown(server), forceShutdown: () => server.forceShutdown() });
    const callOptions = { door, stop: stop.signal, calls, answers, inflation, onUnexpectedError };
    serve(server, served, callOptions);
    serveReflection(server, { ...callOptions, methods: served, admit: options.admit ?? admitAll });
    const { tls } = options;
    const secured = door === 'network' && tls !== undefined;
    const port = await bind(
      server,
      target,
      secured ? new FollowingCredentials(tls) : ServerCredentials.createInsecure(),
    );
    openConnectionWindows(server, options.windowBytes ?? windowBytesDefault);
    placeConnections(server, options.connectionsMax ?? usualPlaces.door);
    lookAtHeads(server, refusedHead, { calls: openCalls, starts, received });
    return port;
  };
  try {
    const { grpc, http, socket } = options;
    const port = grpc === undefined ? 0 : await listen('network', formatAddress(grpc));
    const httpDoor = http === undefined ? undefined : await startHttp(httpOptions(options, http, parts));
    if (httpDoor !== undefined) servers.push(httpDoor);
    if (socket !== undefined) {
      await prepareSocket(socket);
      await listen('socket', `unix:${socket}`);
    }
    if (options.readiness === undefined) readiness.set('serving');
    const ending = new Ending(servers, { readiness, calls, stop, options });
    return {
      addresses: {
        grpc: grpc === undefined ? null : formatAddress({ ...grpc, port }),
        http: httpDoor === undefined ? null : formatAddress({ ...http!, port: httpDoor.port }),
        socket: socket ?? null,
      },
      httpServer: httpDoor?.server ?? null,
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

/** What bounds all doors together. */
function sharedOf(options: ServerOptions) {
  const { messageBytesMax } = options;
  return {
    answers: new Answers(options.sendBudget ?? usualBudget()),
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
  return {
    ...parts,
    address,
    door: 'network',
    tls: options.tls,
    listenHost: address.host,
    shared: options.shared,
    hosts: options.httpHosts ?? [],
    corsOrigins: options.corsOrigins ?? [],
    checkHost: options.checkHost ?? true,
    messageBytesMax: options.messageBytesMax,
    concurrentStreamsMax: options.concurrentStreamsMax,
    connectionsMax: options.connectionsMax ?? usualPlaces.door,
    windowBytes: options.windowBytes ?? windowBytesDefault,
    onUnexpectedError: options.onUnexpectedError,
  };
}

function makeServer(options: ServerOptions): Server {
  const server = new Server({
    'grpc.max_receive_message_length': wireBytesMax(true, options.messageBytesMax),
    'grpc.max_concurrent_streams': options.concurrentStreamsMax,
    'grpc.enable_channelz': 0,
    // Finds out about clients that vanished without a word.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // Whoever calls again connects again.
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

/** What is known of a door when it is to end. */
type Ends = Pick<HttpDoor, 'shutDown' | 'forceShutdown'>;

interface EndingParts {
  readonly readiness: Readiness;
  readonly calls: CallsInFlight;
  readonly stop: AbortController;
  readonly options: Pick<ServerOptions, 'graceMs' | 'drainMs' | 'onStopping'>;
}

/** How long of a grace calls are still taken: an idle service is to have ended when it is over, which takes a moment. */
function takingMs(graceMs: number): number {
  return graceMs - Math.min(500, graceMs / 10);
}

/** How long broken-off handlers get to clean up and to send their last status, in milliseconds. */
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
    // Connections on which nothing is open end by themselves; one idle stream would keep its own for ever.
    await this.settled(
      closed.then(() => calls.whenIdle()),
      options.drainMs,
    );
    const brokenOff = calls.count;
    stop.abort(shuttingDown());
    // The wait that follows is for handlers, which `forced` must not cut short: the store is closed after it.
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

/** Takes no more calls at once; resolves when those under way have ended. */
async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
}

async function withTimeout(work: Promise<void>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const cancel = afterAwaitedTime(ms, timeout.resolve);
  await Promise.race([work, timeout.promise]);
  cancel();
}
