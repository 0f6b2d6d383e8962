import { Code, ConnectError } from '@connectrpc/connect';

/** The `fetch` of a runtime. */
export type Fetch = typeof globalThis.fetch;

/** The code of an error that `fetch` itself reports: it says of all of them only that the request failed. */
const fetchFailed = 'ERR_FETCH_FAILED';

/**
 * Returns the same function with its failures as lost connections. A page is not told why a request failed: the host is
 * not known, nothing listens there, the certificate is not trusted, or the service does not allow pages of its origin.
 */
export function throughFetch(fetch: Fetch): Fetch {
  return async (...call) => {
    try {
      return await fetch(...call);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const cause = Object.assign(new Error(error.message, { cause: error }), { code: fetchFailed });
      throw new ConnectError(error.message, Code.Unavailable, undefined, undefined, cause);
    }
  };
}
