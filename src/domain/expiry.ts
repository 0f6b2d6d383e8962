import { invalid } from './errors.ts';
import { limits } from './limits.ts';

/** Where an artifact's expiry comes from. */
export type ExpirySource = 'none' | 'artifact' | 'session';

/** How a caller asks for an expiry: for so long, or until then. Milliseconds. */
export type ExpiryRequest = { readonly ttlMs: number } | { readonly expireTimeMs: number };

/** What decides about an artifact's expiry. */
export interface ExpiryFacts {
  readonly hold: boolean;
  readonly expireTime?: number;
}

/** What its session decides about it: nothing while that is open. */
export interface SessionFacts {
  readonly expireTime?: number;
}

/**
 * The expiry in force: a hold outranks the artifact's own, that outranks its session's; without any it is kept for
 * ever.
 *
 * @param session undefined if its record is lost: then it decides nothing.
 */
export function effectiveExpiry(
  facts: ExpiryFacts,
  session: SessionFacts | undefined,
): { expireTime?: number; source: ExpirySource } {
  if (facts.hold) return { source: 'none' };
  if (facts.expireTime !== undefined) return { expireTime: facts.expireTime, source: 'artifact' };
  if (session?.expireTime !== undefined) return { expireTime: session.expireTime, source: 'session' };
  return { source: 'none' };
}

/** Decided at every read; nothing needs to have been swept. */
export function isExpired(facts: ExpiryFacts, session: SessionFacts | undefined, nowMs: number): boolean {
  const { expireTime } = effectiveExpiry(facts, session);
  return expireTime !== undefined && expireTime <= nowMs;
}

/**
 * Checks what can be checked without a clock.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseTtl(field: string, ttlMs: number): ExpiryRequest {
  if (!Number.isFinite(ttlMs) || ttlMs <= 0) throw invalid(field, 'must be positive');
  if (ttlMs > limits.expireTimeMillisecondsMax) throw invalid(field, 'ends after the year 9999');
  return { ttlMs: Math.ceil(ttlMs) };
}

/**
 * The instant that a request means now; undefined without a request.
 *
 * @throws Failure INVALID_ARGUMENT naming `field` if it lies in the past or after the year 9999.
 */
export function resolveExpiry(
  field: string,
  request: ExpiryRequest | undefined,
  nowMs: number,
): number | undefined {
  if (request === undefined) return undefined;
  const time = 'ttlMs' in request ? nowMs + request.ttlMs : request.expireTimeMs;
  if (time <= nowMs) throw invalid(field, 'lies in the past');
  if (time > limits.expireTimeMillisecondsMax) throw invalid(field, 'lies after the year 9999');
  return time;
}

/** What the field of a request for an expiry is called. */
export function expiryField(request: ExpiryRequest | undefined): string {
  return request !== undefined && 'ttlMs' in request ? 'ttl' : 'expire_time';
}
