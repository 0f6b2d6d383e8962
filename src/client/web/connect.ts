import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { ArtifactaError } from '../errors.ts';
import { Store, type StoreOptions, storeParts } from '../store.ts';
import { type Fetch, throughFetch } from './fetch.ts';
import { webPlatform } from './platform.ts';

/** The behaviour of a client on a page, or in a runtime at the edge. */
export interface WebOptions extends StoreOptions {
  /** Makes the requests. Default: the runtime's `fetch`. */
  readonly fetch?: ((...call: never[]) => Promise<unknown>) | undefined;
  /**
   * Whether to send contents of unknown length as streams. Default: if the runtime can, and is not a browser. Browsers send
   * streams over HTTP/2 alone; otherwise the content is gathered into a Blob first.
   */
  readonly requestStreams?: boolean | undefined;
}

/**
 * Returns a client for a service. Nothing is sent before the first call.
 *
 * @param url the address of the HTTP listener, or of what passes requests on to it: `https://host:port`, with a path if
 * the services lie below one. Default: the origin of the page. A service allows pages of other origins with
 * `--cors-origin`.
 * @throws ArtifactaError INVALID_ARGUMENT for any other URL.
 */
export async function connect(url = originOfPage(), options: WebOptions = {}): Promise<Store> {
  const baseUrl = baseUrlOf(url);
  const fetch = throughFetch((options.fetch as Fetch | undefined) ?? globalThis.fetch.bind(globalThis));
  const transport: Transport = createConnectTransport({ baseUrl, useBinaryFormat: true, fetch });
  const platform = webPlatform({ ...options, baseUrl, fetch });
  const endpoint = { transport, place: baseUrl, close: async () => undefined };
  return new Store(storeParts(endpoint, options, platform));
}

function originOfPage(): string {
  const { location } = globalThis as { readonly location?: { readonly origin: string } };
  return location?.origin ?? '';
}

function baseUrlOf(url: string): string {
  const refused = (what: string) => {
    const shown = url === '' || url.includes('@') ? '' : ` ${JSON.stringify(url)}`;
    return new ArtifactaError(`the URL${shown} ${what}`, {
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'url', description: what }],
    });
  };
  if (!URL.canParse(url)) throw refused('must be a URL, as https://HOST:PORT');
  const { protocol, origin, pathname, username, password, search, hash } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:')
    throw refused('must begin with https: or http:; browsers do not speak gRPC');
  if (username !== '' || password !== '' || search !== '' || hash !== '')
    throw refused('must have only a scheme, a host, a port and a path');
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}
