import {
  Authentication,
  type AuthenticationOptions,
  type OutsideIdentity,
} from '../identity/authentication.ts';
import { ChildTokens } from '../identity/child-tokens.ts';
import { Tickets } from '../identity/tickets.ts';
import type { Store } from '../store/open.ts';

/**
 * Returns the authentication by the keys and tokens of a store, and by the other means that the options name.
 *
 * @param store returns the store that is open; called for each call, since an import exchanges the store.
 * @param now the time of the store, in milliseconds since the Unix epoch. @param wall the time of outside issuers.
 */
export function authenticationOver(
  store: () => Pick<Store, 'apiKeys' | 'tokenKey' | 'now'>,
  options: Pick<AuthenticationOptions, 'isRequired' | 'verifyJwt' | 'identify' | 'proxy' | 'elapsed'>,
  now: () => number = () => store().now(),
  wall: () => number = Date.now,
): Authentication {
  const { verifyJwt } = options;
  return new Authentication({
    ...options,
    verifyJwt: verifyJwt && (async (token) => inStoreTime(await verifyJwt(token), now() - wall())),
    keys: {
      authenticate: (token) => store().apiKeys.authenticate(token),
      requireGood: (id) => store().apiKeys.requireGood(id),
    },
    tokens: () => new ChildTokens(store().tokenKey, now),
    tickets: () => new Tickets(store().tokenKey, now),
  });
}

/** The greatest difference between clocks that agree, since they are not read at the same instant. */
const agreeingMs = 1_000;

/**
 * Returns the identity with its end in the store's time, with which commits compare the end of credentials. While that
 * time differs from the wall clock, a token from outside still lasts as long as its issuer has said.
 */
function inStoreTime(identity: OutsideIdentity, aheadMs: number): OutsideIdentity {
  const { expireTimeMs } = identity;
  if (expireTimeMs === undefined || Math.abs(aheadMs) < agreeingMs) return identity;
  return { ...identity, expireTimeMs: expireTimeMs + aheadMs };
}
