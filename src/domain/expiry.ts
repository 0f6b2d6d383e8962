import { invalid } from './errors.ts';
import { limits } from './limits.ts';

/** The origin of an artifact's expiry. */
export type ExpirySource = 'none' | 'artifact' | 'session';

/** An expiry that a caller requests: a duration, or an instant. Milliseconds. */
export type ExpiryRequest = { readonly ttlMs: number } | { readonly expireTimeMs: number };

/** The facts of an artifact that decide about its expiry. */
export interface ExpiryFacts {
  readonly hold: boolean;
  readonly expireTime?: number;
}

/** The facts of its session that decide about it. An open session decides nothing. */
export interface SessionFacts {
  readonly expireTime?: number;
}

/**
 * Returns the expiry in force. A hold outranks the artifact's own expiry, which outranks its session's. Without any of
 * them, the artifact is kept without an end.
 *
 * @param session undefined if its record is lost; the session then decides nothing.
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

/** Returns true if the artifact has expired. Every read decides this; no sweep needs to come first. */
export function isExpired(facts: ExpiryFacts, session: SessionFacts | undefined, nowMs: number): boolean {
  const { expireTime } = effectiveExpiry(facts, session);
  return expireTime !== undefined && expireTime <= nowMs;
}

/**
 * Parses a lifetime, with the checks that need no clock.
 *
 * @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseTtl(field: string, ttlMs: number): ExpiryRequest {
  if (!Number.isFinite(ttlMs) || ttlMs <= 0) throw invalid(field, 'must be positive');
  if (ttlMs > limits.expireTimeMillisecondsMax) throw invalid(field, 'must not end after the year 9999');
  return { ttlMs: Math.ceil(ttlMs) };
}

/**
 * Returns the instant that a request means now; undefined without a request.
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
  if (time <= nowMs) throw invalid(field, 'must be in the future');
  if (time > limits.expireTimeMillisecondsMax) throw invalid(field, 'must not be after the year 9999');
  return time;
}

/** Returns the name of the field of a requested expiry. */
export function expiryField(request: ExpiryRequest | undefined): string {
  return request !== undefined && 'ttlMs' in request ? 'ttl' : 'expire_time';
}
