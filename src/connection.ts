/** How the command line comes to a store: a server that was named, one that is there, or the store itself. */
import { UsageError } from './cli/exit.ts';
import type { Connection, ConnectOptions } from './cli/io.ts';
import { withCredentials } from './client/headers.ts';
import { type ClientConfig, readClientConfig, SettingError } from './config.ts';
import { answers } from './server/addresses.ts';

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
  if (await answers(config.socket)) return await openRemote(`unix:${config.socket}`, config);
  // Loading all of this takes longer than asking the socket.
  const { openHolder } = await import('./holder.ts');
  const holder = await openHolder(config, warn);
  return holder ?? (await openRemote(`unix:${config.socket}`, config));
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
