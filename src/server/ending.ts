/** The end of a server: without breaking off calls under way, if they end in time. */
import { afterAwaitedTime } from '../api/timer.ts';
import type { CallsInFlight } from './calls-in-flight.ts';
import type { HttpListener } from './http/http.ts';
import type { Readiness } from './readiness.ts';
import { shuttingDown } from './refusals.ts';

/** How long an end may take, and who learns of it. */
export interface EndingOptions {
  /** How long calls are still taken after the service has announced that it leaves, in milliseconds. Default 0. */
  readonly graceMs?: number;
  /** How long calls may take to end after that, in milliseconds. */
  readonly drainMs: number;
  /** Called once, when the listeners close: calls that never end by themselves should end now. Default: does nothing. */
  readonly onStopping?: () => void;
  /**
   * Called once, when no call of a client is under way, and before the listeners for other replicas close: what it gives
   * up meanwhile, the others can ask for at once. Waited for as long as for calls of other replicas. It must not reject.
   * Default: does nothing.
   */
  readonly beforeReplicas?: () => Promise<unknown>;
}

/** What came of a drain. */
export interface DrainResult {
  /** The number of calls that had to be broken off. */
  readonly brokenOff: number;
}

/** The part of a listener that is needed to end it. */
export type Ends = Pick<HttpListener, 'shutDown' | 'forceShutdown'>;

interface EndingParts {
  readonly readiness: Readiness;
  readonly calls: CallsInFlight;
  /** The listeners for other replicas, and the calls that these have passed on. */
  readonly forReplicas: { readonly servers: readonly Ends[]; readonly calls: CallsInFlight };
  readonly stop: AbortController;
  readonly options: EndingOptions;
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

/** How long calls of other replicas may take to end when no other call is under way, in milliseconds. */
const passedOnMs = 5_000;

/** Ends the listeners of a server, those for other replicas last. */
export class Ending {
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
    const { readiness, calls, forReplicas, stop, options } = this.parts;
    readiness.set('leaving');
    await this.settled(undefined, takingMs(options.graceMs ?? 0));
    readiness.set('stopping');
    options.onStopping?.();
    // Connections without an open stream end by themselves; one idle stream would keep its connection forever.
    const closed = closeAll(this.servers);
    await this.settled(
      closed.then(() => calls.whenIdle()),
      options.drainMs,
    );
    // Until here this process decides for the others.
    const closedLast = this.leaveReplicas();
    await this.settled(
      closedLast.then(() => forReplicas.calls.whenIdle()),
      Math.min(options.drainMs, passedOnMs),
    );
    const brokenOff = calls.count + forReplicas.calls.count;
    stop.abort(shuttingDown());
    // The next wait is for handlers, and `forced` must not cut it short: the store is closed after it.
    const idle = Promise.all([calls.whenIdle(), forReplicas.calls.whenIdle()]);
    await withTimeout(idle, cleanUpMs);
    await withTimeout(Promise.all([closed, closedLast]), 100);
    for (const server of [...this.servers, ...forReplicas.servers]) server.forceShutdown();
    return { brokenOff };
  }

  /** Gives up what this process decides, and refuses what is passed on to it, before it closes to the others. */
  private async leaveReplicas(): Promise<void> {
    const { forReplicas, options } = this.parts;
    await options.beforeReplicas?.();
    await closeAll(forReplicas.servers);
  }

  /** Resolves after `ms`, when `work` has settled, or when forced. */
  private async settled(work: Promise<void> | undefined, ms: number): Promise<void> {
    await withTimeout(Promise.race([work ?? new Promise<void>(() => {}), this.forced.promise]), ms);
  }
}

/** Ends all at once, each as {@link shutDown} does. */
async function closeAll(servers: readonly Ends[]): Promise<void> {
  await Promise.all(servers.map((server) => server.shutDown()));
}

async function withTimeout(work: Promise<unknown>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const cancel = afterAwaitedTime(ms, timeout.resolve);
  await Promise.race([work, timeout.promise]);
  cancel();
}
