/**
 * An origin of its own for previews, in addition to the sandbox of their answers: a fault of a browser's sandbox would
 * then give a page of an artifact the storage of an origin where nothing is.
 */
import { hostName } from '../../heads/known-hosts.ts';
import { refusal } from '../../refusals.ts';
import { HttpError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** Where previews are served, and where the pages are that show them. */
export class PreviewOrigin {
  /** For example `https://previews.example.net`. */
  readonly origin: string;
  /** The origin of the console. */
  readonly shownBy: string;
  /** The name by which requests for previews arrive. */
  readonly host: string;

  /** @throws Error if both origins have the same host: proxies often pass on the name without the port. */
  constructor(origin: string, consoleOrigin: string) {
    this.origin = origin;
    this.shownBy = consoleOrigin;
    this.host = nameOf(origin);
    if (this.host === nameOf(consoleOrigin))
      throw new Error('previews must have another host name than the console');
  }

  /** Refuses all except tickets under the name of previews. @throws HttpError 404 */
  admit({ host, target }: Pick<Exchange, 'host' | 'target'>): void {
    if (host === undefined || hostName(host) !== this.host || target.path.startsWith('/t/')) return;
    throw new HttpError(
      404,
      refusal('NOT_IMPLEMENTED', `nothing exists at this path: ${this.host} serves tickets only`),
    );
  }
}

function nameOf(origin: string): string {
  return new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1');
}
