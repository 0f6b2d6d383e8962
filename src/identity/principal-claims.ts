/** Principals as claims of the tokens that this service signs. */
import type { Namespace, SessionId, SessionPrefix } from '../domain/names.ts';
import type { Principal, Restriction, Scope } from '../domain/principal.ts';

/** A principal in a token, without its subject and its end. Tokens in use have the claims by these names. */
export interface PrincipalClaims {
  readonly ns: string;
  readonly scopes: readonly Scope[];
  readonly sessions?: readonly string[];
  /** Of further sessions. Set only if `sessions` is: a service that does not know prefixes then allows less, not more. */
  readonly prefixes?: readonly string[];
  readonly prefix?: string;
  /** The bytes that may be pushed in all. */
  readonly bytes?: number;
  /** The bytes of one artifact. */
  readonly size?: number;
  readonly key?: string;
  /** Group and name of the payer, where they are not the namespace and the key. */
  readonly holder?: readonly [group: string, name: string];
}

/** Returns the claims of a principal. */
export function toClaims({
  namespace,
  scopes,
  restriction = {},
  apiKey,
  payer,
}: Principal): Record<string, unknown> {
  const { sessions, sessionPrefixes, namePrefix, pushBytesMax, artifactBytesMax } = restriction;
  const claims: PrincipalClaims = {
    ns: namespace,
    scopes: [...scopes].sort(),
    ...(sessions === undefined ? {} : { sessions: [...sessions] }),
    ...(sessionPrefixes === undefined ? {} : { prefixes: sessionPrefixes }),
    ...(namePrefix === undefined ? {} : { prefix: namePrefix }),
    ...(pushBytesMax === undefined ? {} : { bytes: pushBytesMax }),
    ...(artifactBytesMax === undefined ? {} : { size: artifactBytesMax }),
    ...(apiKey === undefined ? {} : { key: apiKey }),
    ...(payer === undefined ? {} : { holder: [payer.group, payer.name] as const }),
  };
  return { ...claims };
}

/** Returns the principal of claims that were verified. It is not an operator. @param expireTime undefined: it has no end. */
export function toPrincipal(
  { ns, scopes, sessions, prefixes, prefix, bytes, size, key, holder: payer }: PrincipalClaims,
  subject: string,
  expireTime: number | undefined,
): Principal {
  return {
    subject,
    namespace: ns as Namespace,
    scopes: new Set(scopes),
    operator: false,
    ...(expireTime === undefined ? {} : { expireTime }),
    ...(key === undefined ? {} : { apiKey: key }),
    ...(payer === undefined ? {} : { payer: { group: payer[0], name: payer[1] } }),
    ...restrictedTo({
      ...(sessions === undefined ? {} : { sessions: new Set(sessions as SessionId[]) }),
      ...(prefixes === undefined ? {} : { sessionPrefixes: prefixes as SessionPrefix[] }),
      ...(prefix === undefined ? {} : { namePrefix: prefix }),
      ...(bytes === undefined ? {} : { pushBytesMax: bytes }),
      ...(size === undefined ? {} : { artifactBytesMax: size }),
    }),
  };
}

/** Returns the member of a principal for its restriction: none if nothing is restricted. */
export function restrictedTo(restriction: Restriction): { restriction?: Restriction } {
  return Object.keys(restriction).length === 0 ? {} : { restriction };
}
