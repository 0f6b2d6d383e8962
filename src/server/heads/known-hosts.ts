/** The names under which a listener may be called. Listeners without authentication need them against DNS rebinding. */
import { isIP } from 'node:net';
import { isLoopback } from '../../domain/address.ts';

/** The names of one listener. */
export class KnownHosts {
  private readonly hosts: ReadonlySet<string>;
  private readonly isWildcard: boolean;

  /** @param listenHost the host where it listens, as it was given. @param hosts further names. */
  constructor(listenHost: string, hosts: readonly string[]) {
    this.isWildcard = listenHost === '0.0.0.0' || listenHost === '::';
    this.hosts = new Set([listenHost, ...hosts].map((host) => host.toLowerCase()));
  }

  /**
   * Returns true for loopback's names and those that were given. No web site can let a page appear under an address of
   * ours. So all addresses pass if it listens everywhere.
   *
   * @param name in the form that {@link hostName} returns.
   */
  has(name: string): boolean {
    return isLoopback(name) || this.hosts.has(name) || (this.isWildcard && isIP(name) !== 0);
  }
}

/** Returns the host without port and brackets, in lower case. Undefined if `Host` may not contain it. */
export function hostName(host: string): string | undefined {
  const [, ipv6, name] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(host.toLowerCase()) ?? [];
  return URL.canParse(`http://${host}`) ? (ipv6 ?? name) : undefined;
}
