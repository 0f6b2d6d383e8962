/** Who calls: what is presented at a listener becomes a principal, or is refused. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { Failure, failedWith } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { type Namespace, parseNamespace } from '../domain/names.ts';
import {
  anonymous,
  guestSubject,
  localOperator,
  nameOfPayer,
  type Payer,
  type Principal,
  payerOf,
  type Scope,
} from '../domain/principal.ts';
import type { Ticket } from '../domain/ticket.ts';
import { tokenPrefixes } from '../domain/tokens.ts';
import type { ChildTokens } from './child-tokens.ts';
import { type HeaderLookup, type ProxyPlaces, proxiedToken } from './proxied.ts';
import { Slots } from './slots.ts';
import { Throttle } from './throttle.ts';
import type { Tickets } from './tickets.ts';

/** A client certificate that TLS has verified. */
export interface PeerCertificate {
  /** Common name of the subject; empty if it has none. */
  readonly subject: string;
  /** Subject alternative names that are URIs, SPIFFE ids among them. */
  readonly uris: readonly string[];
  readonly dns: readonly string[];
}

/** The credentials of a call, and the address and connection that it came from. */
export interface Presented {
  /** The `authorization` header, unchanged. */
  readonly authorization: string | undefined;
  /** Looks up other headers. Undefined: it has none. */
  readonly header?: HeaderLookup;
  /** The header with which operators name a namespace. */
  readonly namespace: string | undefined;
  readonly certificate: PeerCertificate | undefined;
  /** Where the call came from; undefined for listeners that only this machine has. */
  readonly address: string | undefined;
  /** True for a connection whose callers could also read the data directory. */
  readonly isLocal: boolean;
}

/** Turns what is presented into a principal. @throws Failure UNAUTHENTICATED, PERMISSION_DENIED, OVERLOADED. */
export type Authenticate = (presented: Presented) => Promise<Principal>;

/** The identity that a credential from outside gives its bearer. */
export interface OutsideIdentity {
  readonly subject: string;
  readonly namespace: string;
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
  readonly expireTimeMs?: number;
}

/** API keys, as the store keeps them. */
interface KeyRing {
  /** @throws Failure UNAUTHENTICATED. */
  authenticate(token: string): Promise<Principal>;
  /** @throws Failure UNAUTHENTICATED unless the key is good now. */
  requireGood(id: string): Promise<void>;
}

/** The parts that authentication uses. */
export interface AuthenticationOptions {
  /** True: callers on the network must authenticate. */
  readonly isRequired: boolean;
  readonly keys: KeyRing;
  /** Called for each token: the store may have been exchanged. */
  readonly tokens: () => ChildTokens;
  /** Called for each ticket, for the same reason. */
  readonly tickets: () => Tickets;
  /** Verifies JWTs of other issuers. Default: none are accepted. */
  readonly verifyJwt?: ((token: string) => Promise<OutsideIdentity>) | undefined;
  /** Returns the identity of a client certificate. Undefined: it has none. */
  readonly identify?: ((certificate: PeerCertificate) => OutsideIdentity | undefined) | undefined;
  /** Where a proxy puts the JWT of a person whose page calls. Default: nowhere. */
  readonly proxy?: ProxyPlaces | undefined;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
}

/** Makes a caller on the network a guest, and any other an operator. Accepts no tokens. */
export const withoutAuthentication: Authenticate = async ({ authorization, namespace, isLocal, address }) => {
  // A token that cannot be checked must not give more than it grants.
  if (authorization !== undefined)
    throw new Failure(
      'UNAUTHENTICATED',
      'this service has no authentication and accepts no token: leave the token out',
    );
  return guest(namespace, isLocal, address);
};

/** On the network, guests may name any namespace: only their addresses distinguish them. */
function guest(namespace: string | undefined, isLocal: boolean, address: string | undefined): Principal {
  const parsed = parseNamespace('artifacta-namespace', namespace ?? 'default');
  if (isLocal || address === undefined) return isLocal ? localOperator(parsed) : anonymous(parsed);
  return { ...anonymous(parsed), payer: addressPayer(address) };
}

/** Returns the payer for a caller of whom only the address is known. @param address undefined: this machine's. */
export function addressPayer(address: string | undefined): Payer {
  return { group: `address ${address === undefined ? '' : networkOf(address)}`, name: guestSubject };
}

/** Authenticates callers. Callers that fail must wait: see {@link Throttle}. */
export class Authentication {
  private readonly options: AuthenticationOptions;
  private readonly calls: Throttle;
  private readonly failures: Throttle;
  private readonly attempts = new Slots(limits.failuresAtOnceMax);
  /** Hashes of tokens that were good lately: they stay accepted while their address is refused for others' failures. */
  private readonly good = new Map<string, true>();

  constructor(options: AuthenticationOptions) {
    this.options = options;
    const { elapsed } = options;
    this.calls = new Throttle({
      perSecond: limits.callsPerSecondMax,
      burst: limits.callsPerSecondMax * 2,
      keysMax: limits.throttledKeysMax,
      elapsed,
    });
    this.failures = new Throttle({
      perSecond: limits.failuresPerSecondMax,
      burst: limits.failuresAtOnceMax,
      keysMax: limits.throttledKeysMax,
      elapsed,
    });
  }

  readonly authenticate: Authenticate = async (presented) => {
    const principal = inNamespace(await this.identify(presented), presented.namespace);
    this.countCall(principal);
    return principal;
  };

  /**
   * Returns the ticket that a text is, with its maker as the principal.
   *
   * @param address the address that it came from; undefined if only this machine can call in that way.
   * @throws Failure UNAUTHENTICATED if it is not a ticket, has ended, or its maker's credentials have; OVERLOADED.
   */
  readonly takeTicket = async (token: string, address: string | undefined): Promise<Ticket> => {
    const ticket = await this.tried(`ticket ${token}`, address, () => this.verifyTicket(token));
    const { principal } = ticket;
    this.countCall(principal);
    if (principal.subject !== guestSubject || address === undefined) return ticket;
    return { ...ticket, principal: { ...principal, payer: addressPayer(address) } };
  };

  private async verifyTicket(token: string): Promise<Ticket> {
    const ticket = await this.options.tickets().verify(token);
    const { principal, isGuests } = ticket;
    if (isGuests && this.options.isRequired)
      throw new Failure(
        'UNAUTHENTICATED',
        'this ticket was made without credentials, and the service now requires them; get a new ticket (CreateTicket) with ' +
          'credentials',
      );
    if (principal.apiKey !== undefined) await this.options.keys.requireGood(principal.apiKey);
    return ticket;
  }

  private countCall(principal: Principal): void {
    if (principal.subject === guestSubject) return;
    const who = nameOfPayer(payerOf(principal));
    const waitMs = this.calls.waitMs(who);
    if (waitMs > 0) throw overloaded('these credentials make too many calls', waitMs);
    this.calls.count(who);
  }

  private async identify(presented: Presented): Promise<Principal> {
    const { authorization, certificate, isLocal } = presented;
    if (authorization !== undefined)
      return await this.tried(authorization, presented.address, () =>
        this.verify(bearerToken(authorization)),
      );
    const { proxy, verifyJwt } = this.options;
    const proxied = proxy && presented.header && proxiedToken(proxy, presented.header);
    if (proxied !== undefined && verifyJwt !== undefined)
      return await this.tried(proxied, presented.address, async () =>
        principalOf(await verifyJwt(bearerToken(`Bearer ${proxied}`))),
      );
    const identity = certificate && this.options.identify?.(certificate);
    if (identity !== undefined) return principalOf(identity);
    if (this.options.isRequired && !isLocal)
      throw new Failure(
        'UNAUTHENTICATED',
        certificate === undefined
          ? 'credentials are required: send the header "authorization: Bearer TOKEN"'
          : 'this service does not know the owner of the client certificate; send a token as well, or let the ' +
              'operator add the certificate to --auth-config',
      );
    return guest(presented.namespace, isLocal, presented.address);
  }

  /** Verifies a credential. Callers whose credentials fail must wait. @param credential its text, as it was presented. */
  private async tried<T>(
    credential: string,
    address: string | undefined,
    verify: () => Promise<T>,
  ): Promise<T> {
    const hash = createHash('sha256').update(credential).digest('base64url');
    if (address === undefined || this.good.has(hash)) return await this.judge(hash, address, verify);
    // As many at once as may be wrong; the others wait for their results.
    const from = networkOf(address);
    return await this.attempts.run(from, async () => {
      const waitMs = this.good.has(hash) ? 0 : this.failures.waitMs(from);
      if (waitMs > 0) throw overloaded('too many attempts with wrong credentials', waitMs);
      return await this.judge(hash, address, verify);
    });
  }

  private async judge<T>(hash: string, address: string | undefined, verify: () => Promise<T>): Promise<T> {
    try {
      const verified = await verify();
      this.remember(hash);
      return verified;
    } catch (error) {
      if (!failedWith(error, 'UNAUTHENTICATED')) throw error;
      this.good.delete(hash);
      if (address !== undefined) this.failures.count(networkOf(address));
      throw error;
    }
  }

  private remember(hash: string): void {
    this.good.delete(hash);
    this.good.set(hash, true);
    if (this.good.size > limits.throttledKeysMax) this.good.delete(this.good.keys().next().value!);
  }

  private async verify(token: string): Promise<Principal> {
    const { keys, tokens, verifyJwt } = this.options;
    if (token.startsWith(tokenPrefixes.apiKey)) return await keys.authenticate(token);
    if (token.startsWith(tokenPrefixes.child)) {
      const principal = await tokens().verify(token);
      if (principal.apiKey !== undefined) await keys.requireGood(principal.apiKey);
      return principal;
    }
    if (verifyJwt !== undefined) return principalOf(await verifyJwt(token));
    throw new Failure(
      'UNAUTHENTICATED',
      `the token must be an API key (${tokenPrefixes.apiKey}…) or a minted token (${tokenPrefixes.child}…): no ` +
        'issuer of JWTs is configured (--auth-config)',
    );
  }
}

/** @throws Failure UNAUTHENTICATED unless the header is one bearer token of a reasonable length. */
function bearerToken(authorization: string): string {
  if (authorization.length > limits.tokenBytesMax)
    throw new Failure('UNAUTHENTICATED', `authorization: must have at most ${limits.tokenBytesMax} bytes`);
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization);
  if (match === null) throw new Failure('UNAUTHENTICATED', 'authorization: must be "Bearer TOKEN"');
  return match[1]!;
}

function principalOf({ subject, namespace, scopes, operator, expireTimeMs }: OutsideIdentity): Principal {
  // The subject is a part of the key that retries are remembered by.
  const short = subject.length <= 200 ? subject : createHash('sha256').update(subject).digest('hex');
  return {
    subject: `ext:${short}`,
    namespace: namespace as Namespace,
    scopes: new Set<Scope>(operator ? ['read', 'write', 'share'] : scopes),
    operator,
    ...(expireTimeMs === undefined ? {} : { expireTime: expireTimeMs }),
  };
}

/** @throws Failure PERMISSION_DENIED if a namespace other than its own is named, even one that does not exist. */
function inNamespace(principal: Principal, named: string | undefined): Principal {
  if (named === undefined || named === principal.namespace) return principal;
  if (principal.operator) {
    // It is one credential, in all namespaces.
    const payer = payerOf(principal);
    return { ...principal, namespace: parseNamespace('artifacta-namespace', named), payer };
  }
  const description = 'must be the namespace of these credentials, because they are not those of an operator';
  throw new Failure('PERMISSION_DENIED', `artifacta-namespace: ${description}`, {
    violations: [{ field: 'artifacta-namespace', description }],
  });
}

/** Returns an IPv4 address, or the first 64 bits of an IPv6 address, which belong to one customer of a provider. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const middle = plain.includes('::')
    ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
    : [];
  return [...left, ...middle, ...right]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}

function overloaded(why: string, waitMs: number): Failure {
  return new Failure('OVERLOADED', `${why}; wait ${Math.ceil(waitMs / 1_000)} s, then try again`, {
    retryAfterMs: waitMs,
  });
}
