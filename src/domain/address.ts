/** Addresses of TCP and of Unix sockets, as text. */

/** A TCP address: the host as it was given, without brackets, and the port (0 for any). */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Parses `HOST:PORT`, with IPv6 hosts in brackets. Returns undefined for any other text. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, ipv6, name, digits] = match;
  const host = ipv6 ?? name ?? '';
  const port = Number(digits);
  if (port > 65_535 || (ipv6 !== undefined && !isIpv6(ipv6))) return undefined;
  return { host, port };
}

/** The part after `%` names a network interface of this machine, which a URL cannot name. */
function isIpv6(text: string): boolean {
  const [address, zone, ...rest] = text.split('%');
  return rest.length === 0 && zone !== '' && URL.canParse(`http://[${address}]`);
}

/** Formats an address: the reverse of {@link parseAddress}. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

type Scheme = 'http' | 'https' | 'grpc' | 'grpcs';

/**
 * Returns the URL at which this machine reaches the listener of the address; for a wildcard address, the URL of
 * loopback. Undefined if no URL can name the host.
 */
export function reachableUrl(scheme: Scheme, { host, port }: Address): string | undefined {
  const loopback: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const url = `${scheme}://${formatAddress({ host: loopback[host] ?? host, port })}`;
  return URL.canParse(url) ? url : undefined;
}

/** Returns true if only this machine can connect to the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The longest path of a Unix socket on this system, in bytes. */
export const socketPathBytesMax = process.platform === 'darwin' ? 103 : 107;
