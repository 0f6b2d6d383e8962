import {
  Authentication,
  type AuthenticationOptions,
  type OutsideIdentity,
} from '../identity/authentication.ts';
import { ChildTokens } from '../identity/child-tokens.ts';
import type { Store } from '../store/open.ts';

/**
 * Authentication by what a store knows, and by what else the options name.
 *
 * @param now what the store goes by, in milliseconds since the Unix epoch. @param wall what issuers outside go by.
 */
export function authenticationOver(
  store: Pick<Store, 'apiKeys' | 'tokenKey' | 'now'>,
  options: Pick<AuthenticationOptions, 'isRequired' | 'verifyJwt' | 'identify' | 'elapsed'>,
  now: () => number = () => store.now(),
  wall: () => number = Date.now,
): Authentication {
  const { verifyJwt } = options;
  // The members are asked for at each call: an import exchanges the store.
  return new Authentication({
    ...options,
    verifyJwt: verifyJwt && (async (token) => inStoreTime(await verifyJwt(token), now() - wall())),
    keys: {
      authenticate: (token) => store.apiKeys.authenticate(token),
      requireGood: (id) => store.apiKeys.requireGood(id),
    },
    tokens: () => new ChildTokens(store.tokenKey, now),
  });
}

/** Clocks that agree are not read at the same instant. */
const agreeingMs = 1_000;

/**
 * Commits compare the end of credentials with the store's time. While that differs from the wall clock, a token from
 * outside still lasts as long as its issuer has said.
 */
function inStoreTime(identity: OutsideIdentity, aheadMs: number): OutsideIdentity {
  const { expireTimeMs } = identity;
  if (expireTimeMs === undefined || Math.abs(aheadMs) < agreeingMs) return identity;
  return { ...identity, expireTimeMs: expireTimeMs + aheadMs };
}
