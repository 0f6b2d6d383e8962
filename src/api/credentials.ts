import { Authentication, type AuthenticationOptions } from '../identity/authentication.ts';
import { ChildTokens } from '../identity/child-tokens.ts';
import type { Store } from '../store/open.ts';

/** Authentication by what a store knows, and by what else the options name. */
export function authenticationOver(
  store: Pick<Store, 'apiKeys' | 'tokenKey'>,
  options: Pick<AuthenticationOptions, 'isRequired' | 'verifyJwt' | 'identify' | 'elapsed'>,
  now: () => number = Date.now,
): Authentication {
  // The members are asked for at each call: an import exchanges the store.
  return new Authentication({
    ...options,
    keys: {
      authenticate: (token) => store.apiKeys.authenticate(token),
      requireGood: (id) => store.apiKeys.requireGood(id),
    },
    tokens: () => new ChildTokens(store.tokenKey, now),
  });
}
