/**
 * Tokens that principals mint for their agents: JWTs (RFC 7519) signed with HMAC-SHA-256 under a key of the store, so
 * that nothing must be stored for each. They end when they expire, or with the API key that they depend on.
 */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { Failure } from '../domain/errors.ts';
import type { Namespace, SessionId, SessionPrefix } from '../domain/names.ts';
import {
  guestSubject,
  type Payer,
  type Principal,
  payerOf,
  type Scope,
  seesSession,
  seesSessionsOf,
} from '../domain/principal.ts';
import { tokenPrefixes } from '../domain/tokens.ts';
import { type PrincipalClaims, restrictedTo, toClaims, toPrincipal } from './principal-claims.ts';

/** The rights that are asked for a token, before they are limited to those of its minter. */
export interface Grant {
  readonly namespace: Namespace;
  readonly scopes: readonly Scope[];
  /** Undefined: these, and the prefixes, are those of the minter. */
  readonly sessions: readonly SessionId[] | undefined;
  /** Of further sessions. Empty if `sessions` is undefined. */
  readonly sessionPrefixes: readonly SessionPrefix[];
  /** Empty: that of the minter. */
  readonly namePrefix: string;
  /** Undefined: no limit. */
  readonly pushBytesMax: number | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expireTime: number;
}

/** A token, and its rights. */
interface Minted {
  readonly token: string;
  readonly principal: Principal;
}

const type = 'artifacta-child+jwt';

/** Mints and verifies tokens under one key. */
export class ChildTokens {
  private readonly key: Uint8Array;
  private readonly now: () => number;

  /** @param key at least 32 bytes. @param now milliseconds since the Unix epoch. */
  constructor(key: Uint8Array, now: () => number) {
    this.key = key;
    this.now = now;
  }

  /** @throws Failure PERMISSION_DENIED naming the field, if the token could do more than its minter. */
  async mint(minter: Principal, grant: Grant): Promise<Minted> {
    const principal = narrowed(minter, grant);
    const token = await new SignJWT(toClaims(principal))
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setJti(principal.subject)
      .setExpirationTime((principal.expireTime ?? 0) / 1000)
      .sign(this.key);
    return { token: tokenPrefixes.child + token, principal };
  }

  /** Returns the principal of a token. The caller must check its API key. @throws Failure UNAUTHENTICATED. */
  async verify(token: string): Promise<Principal> {
    const verified = await jwtVerify<PrincipalClaims>(token.slice(tokenPrefixes.child.length), this.key, {
      algorithms: ['HS256'],
      typ: type,
      requiredClaims: ['jti', 'exp'],
      currentDate: new Date(this.now()),
    }).catch((error: { code?: string }) => {
      const expired = error.code === 'ERR_JWT_EXPIRED';
      throw new Failure('UNAUTHENTICATED', `the token ${expired ? 'has expired' : 'is not valid'}`);
    });
    const { jti = '', exp = 0 } = verified.payload;
    return toPrincipal(verified.payload, jti, exp * 1000);
  }
}

function narrowed(minter: Principal, grant: Grant): Principal {
  if (grant.namespace !== minter.namespace && !minter.operator) throw wider('namespace');
  if (grant.scopes.some((scope) => !minter.scopes.has(scope))) throw wider('scopes');
  const own = minter.restriction ?? {};
  if (grant.sessions?.some((id) => !seesSession(minter, id))) throw wider('sessions');
  if (grant.sessionPrefixes.some((one) => !seesSessionsOf(minter, one))) throw wider('session_prefixes');
  const prefix = grant.namePrefix === '' ? own.namePrefix : grant.namePrefix;
  if (prefix !== undefined && !prefix.startsWith(own.namePrefix ?? '')) throw wider('name_prefix');
  // Pushes with its tokens would not count against its own limit.
  if (own.pushBytesMax !== undefined && grant.scopes.includes('write')) throw wider('max_push_bytes');
  const isAsMinter = grant.sessions === undefined;
  const sessions = isAsMinter ? own.sessions : new Set(grant.sessions);
  const sessionPrefixes = (isAsMinter ? own.sessionPrefixes : grant.sessionPrefixes) ?? [];
  const end = Math.min(grant.expireTime, minter.expireTime ?? Number.POSITIVE_INFINITY);
  return {
    subject: `tok_${randomUUID().replaceAll('-', '')}`,
    namespace: grant.namespace,
    scopes: new Set(grant.scopes),
    operator: false,
    // JWTs know whole seconds.
    expireTime: Math.floor(end / 1000) * 1000,
    ...(minter.apiKey === undefined ? {} : { apiKey: minter.apiKey }),
    ...payerBehind(minter, grant.namespace),
    ...restrictedTo({
      ...(sessions === undefined ? {} : { sessions }),
      ...(sessionPrefixes.length === 0 ? {} : { sessionPrefixes }),
      ...(prefix === undefined ? {} : { namePrefix: prefix }),
      ...(grant.pushBytesMax === undefined ? {} : { pushBytesMax: grant.pushBytesMax }),
    }),
  };
}

/** Returns the payer of a token: that of the credential that minted it. A guest's token is its own payer. */
function payerBehind(minter: Principal, namespace: Namespace): { payer?: Payer } {
  if (minter.subject === guestSubject && minter.payer === undefined) return {};
  const payer = payerOf(minter);
  const isPlain = payer.group === namespace && payer.name === minter.apiKey;
  return isPlain ? {} : { payer };
}

function wider(field: string): Failure {
  const description = 'must not allow more than the caller may do';
  return new Failure('PERMISSION_DENIED', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
