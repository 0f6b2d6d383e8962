/**
 * The command line's own store: opened in this process, and served on the data directory's socket to other processes
 * while this one runs, since only one can have it open.
 */
import { createRouterTransport } from '@connectrpc/connect';
import type { CallRecord } from './api/guard.ts';
import { routes } from './api/routes.ts';
import type { Connection } from './cli/io.ts';
import { ArtifactaError } from './client/errors.ts';
import type { ClientConfig } from './config.ts';
import { limits } from './domain/limits.ts';
import { type Embedded, openWhenFree } from './embedded.ts';
import { answers } from './server/addresses.ts';
import type { RunningServer } from './server/server.ts';

/**
 * A command that has ended by then has nobody to share with, and is spared the loading of a server, which takes as long
 * as all that it does itself.
 */
const serveAfterMs = 200;
/** How long calls of others may take to end when the command has, in milliseconds. */
const drainMs = 60_000;

/**
 * Opens the store in the data directory, waiting for whoever has it open.
 *
 * @returns undefined if a process serves it on its socket by now.
 * @throws ArtifactaError UNAVAILABLE if it cannot be opened.
 */
export async function openHolder(
  config: ClientConfig,
  warn: (message: string) => void,
): Promise<Connection | undefined> {
  let embedded: Embedded | undefined;
  try {
    embedded = await openWhenFree({ ...config, warn }, () => answers(config.socket));
  } catch (error) {
    throw new ArtifactaError(error instanceof Error ? error.message : String(error), {
      code: 'UNAVAILABLE',
      cause: error,
    });
  }
  if (embedded === undefined) return undefined;
  const { host, close } = embedded;
  const onCall = ({ outcome, method, error }: CallRecord) => {
    if (outcome === 'INTERNAL') warn(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const all = routes({ store: host.store, host, onCall, elapsed: () => performance.now() });
  const sharing = new Sharing(async () => {
    const { startServer } = await import('./server/server.ts');
    return await startServer({
      routes: all,
      socket: config.socket,
      messageBytesMax: limits.messageBytesMax,
      concurrentStreamsMax: limits.concurrentStreamsMax,
      drainMs,
      onUnexpectedError: (error, method) => warn(`${method}: ${String(error)}`),
    });
  }, warn);
  return {
    transport: createRouterTransport(all, { router: { readMaxBytes: limits.messageBytesMax } }),
    description: config.dataDir,
    close: async () => {
      // The socket goes first: newcomers then wait for the directory, and nobody's call is turned away half way.
      await sharing.end();
      await close();
    },
  };
}

/** Serves others from some time on. */
class Sharing {
  private readonly timer: NodeJS.Timeout;
  private server: Promise<RunningServer | undefined> | undefined;

  constructor(start: () => Promise<RunningServer>, warn: (message: string) => void) {
    this.timer = setTimeout(() => {
      this.server = start().catch((error: unknown) => {
        warn(`other processes have to wait: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });
    }, serveAfterMs);
  }

  /** Takes no more calls, and waits for those under way. */
  async end(): Promise<void> {
    clearTimeout(this.timer);
    await (await this.server)?.drain();
  }
}
