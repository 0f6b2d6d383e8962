/** How the command line reaches a store: a server that was named, one that already runs, or the store itself. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../cli/exit.ts';
import { readTokenFile } from '../cli/files/token-file.ts';
import type { Connection, ConnectOptions } from '../cli/io.ts';
import { withCredentials } from '../client/wire/headers.ts';
import { inWords } from '../domain/system/words.ts';
import { answersOurs } from '../server/addresses.ts';
import { keptPathIfAny, readClientConfig } from '../settings/config.ts';
import type { ClientConfig, ClientTls, LocalConfig } from '../settings/config-shapes.ts';
import { SettingError } from '../settings/source.ts';
import { withNativeParts } from './native-parts.ts';
import { OwnDirectory, requireOutside } from './own-directory.ts';

/**
 * Opens the way that the options and the environment name: the server at the URL; else the one that listens on the data
 * directory's socket; else the store in the data directory, in this process.
 *
 * @param warn gets what an operator should know and no other output says.
 * @param signal ends the waiting for another process that has the directory open.
 * @param version the version of this software, which its own store reports. Default: empty.
 * @throws UsageError for settings that cannot be used; ArtifactaError UNAVAILABLE if another process keeps the
 * directory open.
 */
export async function openConnection(
  options: ConnectOptions,
  warn: (message: string) => void,
  signal?: AbortSignal,
  version?: string,
): Promise<Connection> {
  const config = configOf(options);
  const connection = await openWay(config, warn, { signal, version });
  return { ...connection, ...(config.dataDir && { ownDirectory: new OwnDirectory(config.dataDir) }) };
}

async function openWay(
  config: ClientConfig,
  warn: (message: string) => void,
  own: { readonly signal: AbortSignal | undefined; readonly version: string | undefined },
): Promise<Connection> {
  if (config.url !== undefined) return await openRemote(config.url, config, warn);
  if (await answersOurs(config.socket)) return await openLocal(config, warn);
  // To load all of this takes longer than to try the socket.
  const { openOwnStore } = await withNativeParts(() => import('./own-store.ts'));
  const opened = await openOwnStore(config, warn, own);
  if (opened === undefined) return await openLocal(config, warn);
  return { ...opened, transport: withCredentials(opened.transport, { namespace: config.namespace }) };
}

async function openLocal(config: LocalConfig, warn: (message: string) => void): Promise<Connection> {
  return { ...(await openRemote(`unix:${config.socket}`, config, warn)), passes: true };
}

function configOf(options: ConnectOptions): ClientConfig {
  try {
    const config = readClientConfig(options);
    const { dataDir, tokenFile, exportDir, clientTls } = config;
    if (dataDir === undefined) return config;
    const own = new OwnDirectory(dataDir);
    // Most users keep no settings, and a home may be the data directory.
    const keptPath = keptPathIfAny();
    const kept = keptPath !== undefined && existsSync(keptPath) ? keptPath : undefined;
    for (const path of [kept, tokenFile, exportDir, ...Object.values(clientTls)])
      if (path !== undefined) requireOutside(own, path);
    return config;
  } catch (error) {
    throw error instanceof SettingError ? new UsageError(error.message) : error;
  }
}

async function openRemote(
  url: string,
  { token: given, tokenFile, namespace, clientTls }: ClientConfig,
  warn: (message: string) => void,
): Promise<Connection> {
  const token = tokenFile === undefined ? given : await readTokenFile(tokenFile, warn);
  const { openEndpoint } = await import('../client/wire/endpoint.ts');
  const endpoint = await openEndpoint(url, await readAll(clientTls));
  return {
    transport: withCredentials(endpoint.transport, { token, namespace }),
    description: url,
    close: () => endpoint.close(),
  };
}

/** Reads the files. @throws UsageError for a file that cannot be read. */
async function readAll(files: ClientTls): Promise<Partial<Record<keyof ClientTls, Buffer>>> {
  const read = async ([name, path]: [string, string]): Promise<[string, Buffer]> => {
    try {
      return [name, await readFile(path)];
    } catch (error) {
      throw new UsageError(`${path} cannot be read: ${inWords(error)}`);
    }
  };
  return Object.fromEntries(await Promise.all(Object.entries(files).map(read)));
}
