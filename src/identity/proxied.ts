/**
 * Tokens that a proxy gives to pages: it signs a person in, and puts a token of its issuer into each request of the
 * person's browser. A browser sends such a request also for a page of another site. So a token from these places counts
 * only in a request with a header that no other site can send.
 */
import { Failure } from '../domain/errors.ts';

/** Where the token is: at least one of both. The header counts first. */
export interface ProxyPlaces {
  /** The name of a header, in lower case. Its value is a JWT, with or without `Bearer` before it. */
  readonly header?: string | undefined;
  /** The name of a cookie. Its value is a JWT. */
  readonly cookie?: string | undefined;
}

/** Looks up a header of a request by its name in lower case. */
export type HeaderLookup = (name: string) => string | undefined;

/** The header with which the console says that a request is its own. Preflights of other origins do not allow it. */
const pageHeader = 'artifacta-console';

/**
 * Returns the token that a proxy has put into the request of a page. Undefined: it has none.
 *
 * @throws Failure UNAUTHENTICATED if the cookie was sent more than once.
 */
export function proxiedToken({ header, cookie }: ProxyPlaces, lookUp: HeaderLookup): string | undefined {
  if (lookUp(pageHeader) !== '1') return undefined;
  const value = header === undefined ? undefined : lookUp(header);
  if (value !== undefined && value !== '') return value.replace(/^Bearer +/i, '');
  return cookie === undefined ? undefined : cookieIn(lookUp('cookie') ?? '', cookie);
}

function cookieIn(cookies: string, name: string): string | undefined {
  const values = cookies
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  // Another host of the same domain may have set the second: nothing tells which is the proxy's.
  if (values.length > 1)
    throw new Failure(
      'UNAUTHENTICATED',
      `cookie ${name}: must be sent only once; delete the cookies of this site, and log in again`,
    );
  return values[0] === '' ? undefined : values[0];
}
