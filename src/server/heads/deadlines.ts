/**
 * The deadlines that clients send with their calls, read before the libraries read them. The libraries accept malformed
 * deadlines, and end a call at once if its deadline is longer than Node's timers can be.
 */
import type { ConnectError } from '@connectrpc/connect';
import { badHeader } from '../refusals.ts';

interface DeadlineHeader {
  readonly pattern: RegExp;
  /** The form that the pattern asks for, in words. */
  readonly form: string;
  /** The number of milliseconds of each unit. */
  readonly units: Readonly<Record<string, number>>;
  /** The longest deadline that is accepted, as the header writes it. */
  readonly longest: string;
}

/** The longest deadline of a stream. Unary calls have less, which the guard decides. Timers of Node take 24.8 days. */
const longestHours = 24 * 24;
const hourMs = 3_600_000;

const deadlineHeaders: Readonly<Record<string, DeadlineHeader>> = {
  'grpc-timeout': {
    pattern: /^(\d{1,8})([HMSmun])$/,
    form: 'must be 1 to 8 digits and a unit, one of H, M, S, m, u and n',
    units: { H: hourMs, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 },
    longest: `${longestHours}H`,
  },
  'connect-timeout-ms': {
    pattern: /^(\d{1,10})()$/,
    form: 'must be 1 to 10 digits: milliseconds',
    units: { '': 1 },
    longest: String(longestHours * hourMs),
  },
};

/**
 * Shortens deadlines that are more than 24 days away, in the headers themselves.
 *
 * @returns the reason why a deadline cannot be read; it is removed.
 */
export function readDeadlines(
  headers: Record<string, string | string[] | undefined>,
): ConnectError | undefined {
  let refused: ConnectError | undefined;
  for (const [name, { pattern, form, units, longest }] of Object.entries(deadlineHeaders)) {
    const value = headers[name];
    if (value === undefined) continue;
    const [, digits, unit] = pattern.exec(String(value)) ?? [];
    if (digits === undefined || unit === undefined) {
      refused = badHeader(name, form);
      delete headers[name];
    } else if (Number(digits) * units[unit]! > longestHours * hourMs) headers[name] = longest;
  }
  return refused;
}

/** Returns the milliseconds of a deadline of gRPC that {@link readDeadlines} has read; infinity without one. */
export function deadlineMs(value: string | readonly string[] | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const { pattern, units } = deadlineHeaders['grpc-timeout']!;
  const [, digits, unit] = pattern.exec(String(value)) ?? [];
  return Math.floor(Number(digits) * units[unit!]!);
}
