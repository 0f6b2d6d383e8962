/**
 * Decides which pages in browsers may call. A listener without authentication is open to every caller that reaches it. A
 * page of any web site reaches the loopback interface of its visitor: by a request to another origin, or under a name
 * of its own that it lets point there (DNS rebinding). Origin reveals the first, Host the second.
 */
import { cors } from '@connectrpc/connect';
import { hostName, KnownHosts } from '../heads/known-hosts.ts';
import { refusal } from '../refusals.ts';
import { badField, HttpError } from './errors.ts';

/** The names under which the listener may be called, and the pages that may call it. */
export interface OriginOptions {
  /** The host where it listens, as it was given. Under this name it may always be called. */
  readonly listenHost: string;
  /** Other names under which it may be called. */
  readonly hosts: readonly string[];
  /** Origins whose pages may call, e.g. `https://app.example.org`; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** The origin at which a proxy passes requests on to the listener. Its pages are the listener's own. */
  readonly ownOrigin?: string | undefined;
  /** Whether to refuse calls under names other than loopback's and those above. */
  readonly checkHost: boolean;
}

/** The parts of a request that the gate looks at. */
interface CallerHeaders {
  readonly scheme: 'http' | 'https';
  /** Host, or `:authority`. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

const allowedMethods = [...new Set([...cors.allowedMethods, 'HEAD', 'PUT'])].join(', ');
const allowedHeaders = [
  ...cors.allowedHeaders,
  'Authorization',
  'Artifacta-Namespace',
  'Artifacta-Redirect',
  'Content-Digest',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'If-Range',
  'Range',
  'Last-Event-Id',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Protocol-Version',
  // The headers of a trace that the page is part of (W3C Trace Context).
  'traceparent',
  'tracestate',
].join(', ');
const exposedHeaders = [
  ...cors.exposedHeaders,
  'Accept-Ranges',
  'Artifacta-Sha256',
  'Artifacta-Size',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Location',
  'Repr-Digest',
  'Retry-After',
  'WWW-Authenticate',
].join(', ');
/** How long browsers may remember a preflight; some cut more than two hours. */
const preflightSeconds = 7_200;

/** Admits calls by what their headers say of the page that makes them. */
export class OriginGate {
  private readonly options: OriginOptions;
  private readonly known: KnownHosts;

  /** @throws Error for `*` on a listener without authentication: every web site could then do what its visitors can. */
  constructor(options: OriginOptions) {
    if (options.checkHost && options.corsOrigins.includes('*'))
      throw new Error('all origins (*) can be allowed only together with authentication');
    this.options = options;
    this.known = new KnownHosts(options.listenHost, options.hosts);
  }

  /** Admits a request. @throws HttpError 400 or 403 for a request that may not reach a handler. */
  admit({ scheme, host, origin }: CallerHeaders): void {
    const name = host === undefined ? undefined : hostName(host);
    if (name === undefined) throw badField('Host', 'is missing or malformed');
    if (this.options.checkHost && !this.known.has(name))
      throw forbidden(`${host} is not a known name of this service; --http-hosts adds names`);
    const own = [originOf(`${scheme}://${host}`), this.options.ownOrigin];
    if (origin === undefined || own.includes(origin) || this.allows(origin)) return;
    throw forbidden(
      `pages of the origin ${origin.slice(0, 256)} may not call the service; --cors-origin allows them`,
    );
  }

  /** Returns headers for every answer, with which the browser shows it to the page that asked. */
  headersFor(origin: string | undefined): Readonly<Record<string, string>> {
    if (this.options.corsOrigins.length === 0) return {};
    if (origin === undefined || !this.allows(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': exposedHeaders,
    };
  }

  private allows(origin: string): boolean {
    return this.options.corsOrigins.includes(origin) || this.options.corsOrigins.includes('*');
  }
}

/** The answer to a preflight that was admitted. */
export const preflightHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-methods': allowedMethods,
  'access-control-allow-headers': allowedHeaders,
  'access-control-max-age': String(preflightSeconds),
  'content-length': '0',
};

function originOf(url: string): string {
  return new URL(url).origin;
}

function forbidden(message: string): HttpError {
  return new HttpError(403, refusal('PERMISSION_DENIED', message));
}
