/** JSON Web Tokens (RFC 7519) of other issuers, such as identity providers and Kubernetes give to workloads. */
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { Failure } from '../domain/errors.ts';
import { parseNamespace } from '../domain/names.ts';
import { scopes as allScopes, type Scope } from '../domain/principal.ts';
import type { OutsideIdentity } from './authentication.ts';
import { type KeySetOptions, type KeySource, KeysUnavailable, openKeySet } from './key-sets.ts';

/** An issuer whose tokens are accepted, and the meaning of their claims. */
export interface JwtIssuer {
  /** Equal to the claim `iss`. */
  readonly issuer: string;
  /** One of them must be in the claim `aud`. */
  readonly audiences: readonly string[];
  readonly keys: KeySource;
  /** Fixed, or the path of a claim. */
  readonly namespace: { readonly fixed: string } | { readonly claim: readonly string[] };
  /** Fixed, or the path of a claim, whose unknown values do not count; see {@link isScopeClaim} for its values. */
  readonly scopes: { readonly fixed: readonly Scope[] } | { readonly claim: readonly string[] };
  /** A token with this whole value in this claim is an operator's. Undefined: no token is. */
  readonly operator?: { readonly claim: readonly string[]; readonly value: string } | undefined;
}

/** Signatures by a key that only the issuer has: a party that can check them must not be able to make them. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const leewaySeconds = 60;

/** @throws Failure UNAUTHENTICATED, ISSUER_UNAVAILABLE. */
type VerifyJwt = (token: string) => Promise<OutsideIdentity>;

/**
 * @param now milliseconds since the Unix epoch.
 * @throws Error for a file of keys that cannot be used.
 */
export async function openJwtVerifier(
  issuers: readonly JwtIssuer[],
  now: () => number,
  options?: KeySetOptions,
): Promise<VerifyJwt> {
  const known = new Map<string, { readonly issuer: JwtIssuer; readonly keys: JWTVerifyGetKey }>();
  for (const issuer of issuers)
    known.set(issuer.issuer, { issuer, keys: await openKeySet(issuer.keys, options) });
  return async (token) => {
    const found = known.get(issuerOf(token));
    if (found === undefined) throw refused('the issuer of the token is not in --auth-config');
    return identityOf(found.issuer, await verified(token, found.issuer, found.keys, now));
  };
}

/** Returns the issuer that a token names, which is not verified yet: it only selects the keys for the check. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    throw refused('it is not a JSON Web Token');
  }
}

async function verified(
  token: string,
  { issuer, audiences }: JwtIssuer,
  keys: JWTVerifyGetKey,
  now: () => number,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms,
      issuer,
      audience: [...audiences],
      clockTolerance: leewaySeconds,
      currentDate: new Date(now()),
      requiredClaims: ['exp', 'sub'],
    });
    return payload;
  } catch (error) {
    throw failureOf(error);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof errors.JWTExpired) return refused('it has expired; get a new token');
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefused(error);
  if (error instanceof errors.JWKSNoMatchingKey) return refused('it is not signed with a key of its issuer');
  const isUnavailable =
    error instanceof KeysUnavailable ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid;
  if (isUnavailable)
    return new Failure(
      'ISSUER_UNAVAILABLE',
      'cannot fetch the keys of the issuer of this token at the moment',
      {
        retryAfterMs: 5_000,
        cause: error,
      },
    );
  return refused('it is not valid');
}

/** Names the claim, and never shows its value. */
function claimRefused({ claim, reason }: errors.JWTClaimValidationFailed): Failure {
  if (reason === 'missing') return refused(`it has no claim ${claim}; its issuer must put one there`);
  if (claim === 'aud')
    return refused(
      'its claim aud does not have a value that --auth-config accepts; get a token for this service, or let an ' +
        'operator correct --auth-config',
    );
  if (claim === 'nbf' && reason === 'check_failed')
    return refused('it is not valid yet, by its claim nbf; use it later');
  return refused(`its claim ${claim} is not valid; get another token from its issuer`);
}

function identityOf(issuer: JwtIssuer, payload: JWTPayload): OutsideIdentity {
  const { operator, scopes, namespace } = issuer;
  const isOperator = operator !== undefined && valuesAt(payload, operator.claim).includes(operator.value);
  const granted =
    'fixed' in scopes
      ? scopes.fixed
      : allScopes.filter((one) => valuesAt(payload, scopes.claim).includes(one));
  if (granted.length === 0 && !isOperator)
    throw refused('it grants no scope; its issuer must put read, write or share into the claim for scopes');
  return {
    subject: `${issuer.issuer}#${payload.sub}`,
    namespace: 'fixed' in namespace ? namespace.fixed : namespaceAt(payload, namespace.claim),
    scopes: granted,
    operator: isOperator,
    expireTimeMs: (payload.exp ?? 0) * 1000,
  };
}

function namespaceAt(payload: JWTPayload, path: readonly string[]): string {
  const value = valueAt(payload, path);
  try {
    if (typeof value === 'string') return parseNamespace('namespace', value);
  } catch {
    // Refused below, without its text.
  }
  throw refused(
    `its claim ${path.join('.')} names no namespace; its issuer must put one there, or an operator must correct ` +
      '"namespace" in --auth-config',
  );
}

function valueAt(payload: JWTPayload, path: readonly string[]): unknown {
  let at: unknown = payload;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/**
 * Returns true for the claim `scope` itself: the one text that is a list, with spaces between its values (RFC 8693,
 * 4.2).
 */
export function isScopeClaim(path: readonly string[]): boolean {
  return path.length === 1 && path[0] === 'scope';
}

/** Returns the values of a claim: those of an array, the words of `scope`, or any other text as one value. */
function valuesAt(payload: JWTPayload, path: readonly string[]): readonly unknown[] {
  const value = valueAt(payload, path);
  if (typeof value === 'string') return isScopeClaim(path) ? value.split(' ') : [value];
  return Array.isArray(value) ? value : [];
}

function refused(why: string): Failure {
  return new Failure('UNAUTHENTICATED', `the token is refused: ${why}`);
}
