/** Starts the service's doors, and ends them without breaking off what is under way. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { type Address, formatAddress, prepareSocket } from './addresses.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { collect, type Routes, serve } from './grpc.ts';
import { advertise, openConnectionWindows } from './grpc-internals.ts';
import { explainOwnStatuses } from './grpc-status.ts';
import { Health, health } from './health.ts';
import { Readiness } from './readiness.ts';
import { shuttingDown } from './refusals.ts';

const MiB = 1024 * 1024;

// It writes headers that it cannot parse to standard error, and one of them could be a token.
setLogVerbosity(logVerbosity.NONE);

export interface ServerOptions {
  readonly routes: Routes;
  /** Where to serve gRPC in clear. Port 0 takes any free one. */
  readonly grpc: Address;
  /** Path of a Unix socket to serve the same on. Default: none. */
  readonly socket?: string;
  /** The largest message that is taken. */
  readonly messageBytesMax: number;
  /** Calls that one connection may have open. */
  readonly concurrentStreamsMax: number;
  /** What a client may send ahead on one stream, and on one connection. Default 4 MiB. */
  readonly windowBytes?: number;
  /** How long calls are still taken after the service has said that it leaves, in milliseconds. Default 0. */
  readonly graceMs?: number;
  /** How long calls may take to end after that, in milliseconds. */
  readonly drainMs: number;
  /** Told of errors that nobody foresaw; the caller only hears INTERNAL. */
  readonly onUnexpectedError: (error: unknown, method: string) => void;
  /** Default: a new one, which is set to serving before this resolves. */
  readonly readiness?: Readiness;
}

export interface DrainResult {
  /** Calls that had to be broken off. */
  readonly brokenOff: number;
}

/** A running server. Disposal breaks off what is under way. */
export interface RunningServer extends AsyncDisposable {
  readonly addresses: { readonly grpc: string; readonly socket: string | null };
  readonly readiness: Readiness;
  /** Says that it leaves, waits, takes no more calls, waits for those under way, breaks off the rest. Idempotent. */
  drain(): Promise<DrainResult>;
  /** Cuts a drain short, or begins one that is. */
  force(): Promise<DrainResult>;
}

/** @throws Error if an address cannot be listened on; nothing then stays open. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const readiness = options.readiness ?? new Readiness();
  const stop = new AbortController();
  const calls = new CallsInFlight();
  const { names, methods } = collect(options.routes);
  const healthMethods = collect((router) =>
    router.service(Health, health(readiness, [...names, Health.typeName])),
  );
  const server = new Server({
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_concurrent_streams': options.concurrentStreamsMax,
    'grpc.enable_channelz': 0,
    // Finds out about clients that vanished without a word.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    interceptors: [explainOwnStatuses],
  });
  const { onUnexpectedError, windowBytes = 4 * MiB } = options;
  serve(server, [...methods, ...healthMethods.methods], { stop: stop.signal, calls, onUnexpectedError });
  advertise(server, { windowBytes, frameBytesMax: MiB });
  try {
    const port = await bind(server, formatAddress(options.grpc));
    if (options.socket !== undefined) {
      await prepareSocket(options.socket);
      await bind(server, `unix:${options.socket}`);
    }
    openConnectionWindows(server, windowBytes);
    readiness.set('serving');
    const ending = new Ending(server, { readiness, calls, stop, options });
    return {
      addresses: { grpc: formatAddress({ ...options.grpc, port }), socket: options.socket ?? null },
      readiness,
      drain: () => ending.drain(),
      force: () => ending.force(),
      [Symbol.asyncDispose]: async () => {
        await ending.force();
      },
    };
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
}

/** @throws Error that names the address and what is wrong with it. */
async function bind(server: Server, target: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${target}: ${reasonOf(error)}`, { cause: error }));
    });
  });
}

function reasonOf({ message }: Error): string {
  if (message.includes('EADDRINUSE')) return 'the address is in use';
  if (message.includes('EADDRNOTAVAIL')) return 'the machine does not have this address';
  if (message.includes('EACCES')) return 'permission denied';
  return message;
}

interface EndingParts {
  readonly readiness: Readiness;
  readonly calls: CallsInFlight;
  readonly stop: AbortController;
  readonly options: Pick<ServerOptions, 'graceMs' | 'drainMs'>;
}

/** How long broken-off handlers get to clean up and to send their last status, in milliseconds. */
const cleanUpMs = 2_000;

class Ending {
  private readonly server: Server;
  private readonly parts: EndingParts;
  private readonly forced = Promise.withResolvers<void>();
  private drained: Promise<DrainResult> | undefined;

  constructor(server: Server, parts: EndingParts) {
    this.server = server;
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
    await this.settled(undefined, options.graceMs ?? 0);
    readiness.set('stopping');
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
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
    this.server.forceShutdown();
    return { brokenOff };
  }

  /** Resolves after `ms`, when `work` has settled, or when forced. */
  private async settled(work: Promise<void> | undefined, ms: number): Promise<void> {
    await withTimeout(Promise.race([work ?? new Promise<void>(() => {}), this.forced.promise]), ms);
  }
}

async function withTimeout(work: Promise<void>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, ms);
  await Promise.race([work, timeout.promise]);
  clearTimeout(timer);
}
