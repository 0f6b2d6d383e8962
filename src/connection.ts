/** How the command line comes to a store: a server that was named, one that is there, or the store itself. */
import { createRouterTransport } from '@connectrpc/connect';
import type { CallRecord } from './api/guard.ts';
import { UsageError } from './cli/exit.ts';
import type { Connection, ConnectOptions } from './cli/io.ts';
import { ArtifactaError } from './client/errors.ts';
import { withCredentials } from './client/headers.ts';
import { type ClientConfig, readClientConfig, SettingError } from './config.ts';
import { answers } from './server/addresses.ts';

/** How long to wait for whoever has the data directory open and does not serve it, in milliseconds. */
const lockWaitMs = 30_000;
const lockPollMs = 50;

/**
 * Opens the way that the options and the environment say: the server at the URL; else the one that listens on the
 * data directory's socket; else the store in the data directory, in this process.
 *
 * @param warn told what an operator should know and nobody else is told.
 * @throws UsageError for settings that cannot be used; ArtifactaError UNAVAILABLE if another process keeps the
 * directory open.
 */
export async function openConnection(
  options: ConnectOptions,
  warn: (message: string) => void,
): Promise<Connection> {
  const config = configOf(options);
  if (config.url !== undefined) return await openRemote(config.url, config);
  const deadline = performance.now() + lockWaitMs;
  for (;;) {
    if (await answers(config.socket)) return await openRemote(`unix:${config.socket}`, config);
    const opened = await openLocal(config, warn);
    if (opened !== undefined) return opened;
    if (performance.now() > deadline)
      throw new ArtifactaError(`another process has the data directory open: ${config.dataDir}`, {
        code: 'UNAVAILABLE',
      });
    await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
}

function configOf({ url, dataDir }: ConnectOptions): ClientConfig {
  try {
    return readClientConfig({ url, dataDir });
  } catch (error) {
    throw error instanceof SettingError ? new UsageError(error.message) : error;
  }
}

async function openRemote(url: string, { token }: ClientConfig): Promise<Connection> {
  const { openEndpoint } = await import('./client/endpoint.ts');
  const endpoint = await openEndpoint(url);
  return {
    transport: withCredentials(endpoint.transport, { token }),
    description: url,
    close: () => endpoint.close(),
  };
}

/** Undefined if another process has the directory open. */
async function openLocal(
  config: ClientConfig,
  warn: (message: string) => void,
): Promise<Connection | undefined> {
  const [{ isLocked, openEmbedded }, { routes }, { limits }] = await Promise.all([
    import('./embedded.ts'),
    import('./api/routes.ts'),
    import('./domain/limits.ts'),
  ]);
  let opened: Awaited<ReturnType<typeof openEmbedded>>;
  try {
    opened = await openEmbedded({ ...config, warn });
  } catch (error) {
    if (isLocked(error)) return undefined;
    throw new ArtifactaError(error instanceof Error ? error.message : String(error), {
      code: 'UNAVAILABLE',
      cause: error,
    });
  }
  const onCall = ({ outcome, method, error }: CallRecord) => {
    if (outcome === 'INTERNAL') warn(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const transport = createRouterTransport(
    routes({ store: opened.store, onCall, elapsed: () => performance.now() }),
    { router: { readMaxBytes: limits.messageBytesMax } },
  );
  return { transport, description: config.dataDir, close: () => opened.close() };
}
