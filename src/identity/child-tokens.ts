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
  type Restriction,
  type Scope,
  seesSession,
  seesSessionsOf,
} from '../domain/principal.ts';
import { tokenPrefixes } from '../domain/tokens.ts';

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

interface Claims {
  readonly ns: string;
  readonly scopes: readonly Scope[];
  readonly sessions?: readonly string[];
  /** Of further sessions. Set only if `sessions` is: a service that does not know prefixes then allows less, not more. */
  readonly prefixes?: readonly string[];
  readonly prefix?: string;
  readonly bytes?: number;
  readonly key?: string;
  /** Group and name of the payer, where they are not the namespace and the key. Tokens in use have it by this name. */
  readonly holder?: readonly [group: string, name: string];
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
    const { restriction = {} } = principal;
    const claims: Claims = {
      ns: principal.namespace,
      scopes: [...principal.scopes].sort(),
      ...(restriction.sessions === undefined ? {} : { sessions: [...restriction.sessions] }),
      ...(restriction.sessionPrefixes === undefined ? {} : { prefixes: restriction.sessionPrefixes }),
      ...(restriction.namePrefix === undefined ? {} : { prefix: restriction.namePrefix }),
      ...(restriction.pushBytesMax === undefined ? {} : { bytes: restriction.pushBytesMax }),
      ...(principal.apiKey === undefined ? {} : { key: principal.apiKey }),
      ...(principal.payer === undefined
        ? {}
        : { holder: [principal.payer.group, principal.payer.name] as const }),
    };
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setJti(principal.subject)
      .setExpirationTime((principal.expireTime ?? 0) / 1000)
      .sign(this.key);
    return { token: tokenPrefixes.child + token, principal };
  }

  /** Returns the principal of a token. The caller must check its API key. @throws Failure UNAUTHENTICATED. */
  async verify(token: string): Promise<Principal> {
    const verified = await jwtVerify<Claims>(token.slice(tokenPrefixes.child.length), this.key, {
      algorithms: ['HS256'],
      typ: type,
      requiredClaims: ['jti', 'exp'],
      currentDate: new Date(this.now()),
    }).catch((error: { code?: string }) => {
      const expired = error.code === 'ERR_JWT_EXPIRED';
      throw new Failure('UNAUTHENTICATED', `the token ${expired ? 'has expired' : 'is not valid'}`);
    });
    const { ns, scopes, sessions, prefixes, prefix, bytes, key, ...rest } = verified.payload;
    const { holder: payer, jti = '', exp = 0 } = rest;
    return {
      subject: jti,
      namespace: ns as Namespace,
      scopes: new Set(scopes),
      operator: false,
      expireTime: exp * 1000,
      ...(key === undefined ? {} : { apiKey: key }),
      ...(payer === undefined ? {} : { payer: { group: payer[0], name: payer[1] } }),
      ...restrictedTo({
        ...(sessions === undefined ? {} : { sessions: new Set(sessions as SessionId[]) }),
        ...(prefixes === undefined ? {} : { sessionPrefixes: prefixes as SessionPrefix[] }),
        ...(prefix === undefined ? {} : { namePrefix: prefix }),
        ...(bytes === undefined ? {} : { pushBytesMax: bytes }),
      }),
    };
  }
}

function restrictedTo(restriction: Restriction): { restriction?: Restriction } {
  return Object.keys(restriction).length === 0 ? {} : { restriction };
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
