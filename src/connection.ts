/** How the command line comes to a store: a server that was named, one that is there, or the store itself. */
import { UsageError } from './cli/exit.ts';
import type { Connection, ConnectOptions } from './cli/io.ts';
import { withCredentials } from './client/headers.ts';
import { type ClientConfig, readClientConfig, SettingError } from './config.ts';
import { answersOurs } from './server/addresses.ts';

/**
 * Opens the way that the options and the environment say: the server at the URL; else the one that listens on the
 * data directory's socket; else the store in the data directory, in this process.
 *
 * @param warn told what an operator should know and nobody else is told.
 * @param signal ends the waiting for another process that has the directory open.
 * @throws UsageError for settings that cannot be used; ArtifactaError UNAVAILABLE if another process keeps the
 * directory open.
 */
export async function openConnection(
  options: ConnectOptions,
  warn: (message: string) => void,
  signal?: AbortSignal,
): Promise<Connection> {
  const config = configOf(options);
  if (config.url !== undefined) return await openRemote(config.url, config);
  if (await answersOurs(config.socket)) return await openLocal(config);
  // Loading all of this takes longer than asking the socket.
  const { openHolder } = await import('./holder.ts');
  return (await openHolder(config, warn, signal)) ?? (await openLocal(config));
}

async function openLocal(config: ClientConfig): Promise<Connection> {
  return { ...(await openRemote(`unix:${config.socket}`, config)), passes: true };
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
