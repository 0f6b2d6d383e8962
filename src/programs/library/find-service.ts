/** How a program that uses the package reaches a store: see {@link connect}. */
import { UsageError } from '../../cli/exit.ts';
import { readTokenFile } from '../../cli/files/token-file.ts';
import {
  type AnyTransport,
  ArtifactaClient,
  type ClientOptions,
  connect as connectTo,
} from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import { Link } from '../../client/wire/link.ts';
import { readClientConfig } from '../../settings/config.ts';
import type { ClientConfig, LocalConfig } from '../../settings/config-shapes.ts';
import { SettingError } from '../../settings/source.ts';
import { readTls } from './client-tls.ts';
import { openLocalWay } from './local-service.ts';

/**
 * Returns a client for a service.
 *
 * @param target a URL: `grpc://HOST:PORT`, `grpcs://`, `http://`, `https://` or `unix:/PATH`; or a Connect transport,
 * which another owner closes. Default: the service that the settings of the command line name (`ARTIFACTA_URL`); else
 * the service of the data directory (`ARTIFACTA_DATA_DIR`); else one that this program starts, and that others use
 * with it until the last of them has closed its client. Without a token or a namespace in the options, those of the
 * settings are used (`ARTIFACTA_TOKEN`, `ARTIFACTA_NAMESPACE`).
 * @throws ArtifactaError INVALID_ARGUMENT for a URL or a setting that cannot be used; UNAVAILABLE if no service can be
 * started.
 */
export async function connect(
  target?: string | AnyTransport,
  options: ClientOptions = {},
): Promise<ArtifactaClient> {
  if (typeof target === 'object') return await connectTo(target, options);
  const { config, known } = await settingsOf(target, options);
  if (config.url !== undefined) return await connectTo(config.url, known);
  return await connectLocally(config, known);
}

/** Returns the options without those that are undefined, which would hide the settings. */
function given(options: ClientOptions): ClientOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

async function settingsOf(
  url: string | undefined,
  options: ClientOptions,
): Promise<{ readonly config: ClientConfig; readonly known: ClientOptions }> {
  try {
    const config = readClientConfig(url === undefined ? {} : { url });
    return { config, known: { ...(await fromSettings(config, options)), ...given(options) } };
  } catch (error) {
    if (!(error instanceof SettingError || error instanceof UsageError)) throw error;
    throw new ArtifactaError(error.message, { code: 'INVALID_ARGUMENT', cause: error });
  }
}

async function fromSettings(
  { token, tokenFile, namespace, clientTls, url }: ClientConfig,
  options: ClientOptions,
): Promise<ClientOptions> {
  const reads = options.token === undefined && tokenFile !== undefined;
  return {
    token: reads ? await readTokenFile(tokenFile, (message) => process.emitWarning(message)) : token,
    namespace,
    ...(url === undefined || options.tls !== undefined ? {} : { tls: await readTls(clientTls) }),
  };
}

async function connectLocally(config: LocalConfig, options: ClientOptions): Promise<ArtifactaClient> {
  const link = await Link.open(() => openLocalWay(config));
  const endpoint = {
    transport: link.transport,
    place: config.dataDir,
    close: () => link[Symbol.asyncDispose](),
  };
  const beforeRetry = options.retry?.beforeRetry ?? link.renew.bind(link);
  return new ArtifactaClient(endpoint, { ...options, retry: { ...options.retry, beforeRetry } });
}
