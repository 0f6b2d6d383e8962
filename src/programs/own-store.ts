/**
 * The command line's own store: opened in this process, and served on the data directory's socket to other processes
 * while this one runs, since only one can have it open.
 */
import { authenticationOver } from '../api/credentials.ts';
import type { CallRecord } from '../api/guard.ts';
import { routes } from '../api/routes.ts';
import type { Connection } from '../cli/io.ts';
import { ArtifactaError } from '../client/errors.ts';
import { limits } from '../domain/limits.ts';
import { afterAwaitedTime, pause } from '../domain/timer.ts';
import { answersOurs } from '../server/addresses.ts';
import type { RunningServer } from '../server/server.ts';
import type { LocalConfig } from '../settings/config-shapes.ts';
import type { StoreHost } from '../store/custody/host.ts';
import { sealsOver } from './contents/shipping.ts';
import { type Embedded, openWhenFree } from './data-directory.ts';
import { inProcess } from './in-process.ts';

/**
 * A command that has ended by then shares with no other. It saves the loading of a server, which takes as long as all
 * its own work.
 */
const serveAfterMs = 200;
/** How long calls of others may take to end when the command has ended, in milliseconds. */
const drainMs = 60_000;
/** How long a command continues for maintenance, in milliseconds; if nothing is due it takes one. */
const sliceMs = 250;
/** The longest pause between two tries to open the store, in milliseconds. */
const pauseMsMax = 400;

/**
 * Opens the store in the data directory, and waits while another process has it open.
 *
 * @param options.signal ends the waiting.
 * @param options.version the version of the software. Default: empty.
 * @returns undefined if a process serves it on its socket by now.
 * @throws ArtifactaError UNAVAILABLE if it cannot be opened; CANCELLED if the signal came first.
 */
export async function openOwnStore(
  config: LocalConfig,
  warn: (message: string) => void,
  {
    signal,
    version = '',
  }: { readonly signal?: AbortSignal | undefined; readonly version?: string | undefined } = {},
): Promise<Connection | undefined> {
  let embedded: Embedded | undefined;
  try {
    embedded = await openWhenFree(
      { ...config, version, warn, opensUsersFiles: true },
      waiting(config, signal),
    );
  } catch (error) {
    throw new ArtifactaError(error instanceof Error ? error.message : String(error), {
      code: 'UNAVAILABLE',
      cause: error,
    });
  }
  if (embedded === undefined) {
    if (signal?.aborted) throw new ArtifactaError('the wait was cancelled', { code: 'CANCELLED' });
    return undefined;
  }
  const { host, exportPlace, exports, close } = embedded;
  const onCall = ({ outcome, method, error }: CallRecord) => {
    if (outcome === 'INTERNAL') warn(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const elapsed = () => performance.now();
  const { authenticate } = authenticationOver(() => host.store, { isRequired: true, elapsed });
  const all = routes({
    store: () => host.store,
    host,
    publicUrl: config.publicUrl,
    exportPlace,
    exports,
    shipping: sealsOver(embedded, config.shipsSeals),
    version,
    settings: { artifactBytesMax: config.artifactBytesMax },
    onCall,
    elapsed,
    authenticate,
  });
  const sharing = new Sharing(async () => {
    const { startServer } = await import('../server/server.ts');
    return await startServer({
      routes: all,
      socket: config.socket,
      messageBytesMax: limits.messageBytesMax,
      concurrentStreamsMax: limits.concurrentStreamsMax,
      drainMs,
      onStopping: () => {
        if (host.state === 'serving') host.store.endWatches();
      },
      onUnexpectedError: (error, method) => warn(`${method}: ${String(error)}`),
    });
  }, warn);
  return {
    transport: inProcess(all),
    description: config.dataDir,
    isEmbedded: true,
    close: async () => {
      // The socket goes first: newcomers then wait for the directory, and no call is refused half way.
      await sharing.end();
      await slice(host);
      await close();
    },
  };
}

/**
 * Returns the work between two tries. A try costs a millisecond of the processor that the others need to finish, so the
 * pauses grow at first. They differ, so that not all processes try at once. They shrink again, so that the process that
 * has waited longest tries most often.
 *
 * @returns true when the waiting is over.
 */
function waiting(
  { socket, lockWaitMs }: LocalConfig,
  signal: AbortSignal | undefined,
): () => Promise<boolean> {
  const beganMs = performance.now();
  return async () => {
    const waitedMs = performance.now() - beganMs;
    const longestMs = Math.min(waitedMs / 2, pauseMsMax * Math.max(0, 1 - waitedMs / lockWaitMs));
    await pause(Math.random() * longestMs, signal);
    return signal?.aborted === true || (await answersOurs(socket));
  };
}

/**
 * Does a little maintenance, since possibly no other process ever does it. Work that fails is left to the next process.
 */
async function slice(host: StoreHost): Promise<void> {
  if (host.state !== 'serving') return;
  const endMs = performance.now() + sliceMs;
  const isStopped = () => performance.now() > endMs;
  const allowance = { limit: limits.maintenanceItemsDefault, isStopped };
  const { reaper, collection } = host.store;
  await reaper.reap(allowance).catch(() => undefined);
  if (!isStopped()) await collection.collect(allowance, { findOrphans: false }).catch(() => undefined);
}

/** Serves other processes from some time on. */
class Sharing {
  private readonly cancel: () => void;
  private server: Promise<RunningServer | undefined> | undefined;

  constructor(start: () => Promise<RunningServer>, warn: (message: string) => void) {
    this.cancel = afterAwaitedTime(serveAfterMs, () => {
      this.server = start().catch((error: unknown) => {
        warn(
          `cannot serve the socket, so other commands wait until this one ends: ${error instanceof Error ? error.message : String(error)}`,
        );
        return undefined;
      });
    });
  }

  /** Takes no more calls, and waits for those under way. */
  async end(): Promise<void> {
    this.cancel();
    await (await this.server)?.drain();
  }
}
