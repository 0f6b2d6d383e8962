/**
 * Tickets as signed texts: JWTs (RFC 7519) signed with HMAC-SHA-256 under a key of the store, so that nothing is stored
 * for them. Their type tells them apart from the tokens that are signed with the same key.
 */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { Failure } from '../domain/errors.ts';
import type { Ticket, TicketGrant, TicketKind } from '../domain/ticket.ts';
import { type PrincipalClaims, toClaims, toPrincipal } from './principal-claims.ts';

/** A ticket, and the text that is presented. */
interface IssuedTicket {
  readonly id: string;
  readonly token: string;
}

interface TicketClaims extends PrincipalClaims {
  readonly kind: TicketKind;
  readonly target: string;
  /** The end of the maker's credentials, in milliseconds since the Unix epoch. */
  readonly until?: number;
  /** Present: see {@link TicketGrant.isGuests}. */
  readonly guest?: true;
}

const type = 'artifacta-ticket+jwt';

/** Issues and verifies tickets under one key. */
export class Tickets {
  private readonly key: Uint8Array;
  private readonly now: () => number;

  /** @param key at least 32 bytes. @param now milliseconds since the Unix epoch. */
  constructor(key: Uint8Array, now: () => number) {
    this.key = key;
    this.now = now;
  }

  /** Returns a ticket. The caller must have limited its principal to its target. */
  async issue({ kind, target, principal, isGuests, expireTime }: TicketGrant): Promise<IssuedTicket> {
    const id = `tkt_${randomUUID().replaceAll('-', '')}`;
    const rest = {
      ...(principal.expireTime === undefined ? {} : { until: principal.expireTime }),
      ...(isGuests ? { guest: true } : {}),
    };
    const token = await new SignJWT({ ...toClaims(principal), kind, target, ...rest })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setJti(id)
      .setSubject(principal.subject)
      .setExpirationTime(expireTime / 1000)
      .sign(this.key);
    return { id, token };
  }

  /** Returns a ticket that is good by itself. The caller must check its API key. @throws Failure UNAUTHENTICATED. */
  async verify(token: string): Promise<Ticket> {
    const verified = await jwtVerify<TicketClaims>(token, this.key, {
      algorithms: ['HS256'],
      typ: type,
      requiredClaims: ['jti', 'sub', 'exp'],
      currentDate: new Date(this.now()),
    }).catch((error: { code?: string }) => {
      throw notGood(error.code === 'ERR_JWT_EXPIRED' ? 'has expired' : 'is not valid');
    });
    const { payload } = verified;
    const { jti: id = '', sub: subject = '', exp = 0, kind, target, until, guest } = payload;
    // The library compares whole seconds.
    const expireTime = exp * 1000;
    if (expireTime <= this.now()) throw notGood('has expired');
    return {
      id,
      kind,
      target,
      principal: toPrincipal(payload, subject, until),
      isGuests: guest === true,
      expireTime,
    };
  }
}

function notGood(why: string): Failure {
  return new Failure('UNAUTHENTICATED', `this ticket ${why}: get a new one by CreateTicket`);
}
