import { type ArtifactaError, ForeignService, toArtifactaError } from '../errors.ts';
import { sleep } from './timer.ts';

/** How calls are tried again. */
export interface RetryPolicy {
  /** Tries in all, the first one included. Default 6. */
  readonly attemptsMax: number;
  /** Wait before the second try, in milliseconds; it doubles from try to try. Default 100. */
  readonly delayMsFirst: number;
  /** The longest wait, in milliseconds, also where the service asks for a longer one. Default 10,000. */
  readonly delayMsMax: number;
  /** 0 to 1: spreads the waits of clients that failed together. Default `Math.random`. */
  random(): number;
  /**
   * Called before a try is repeated, e.g. to connect anew. True: it goes to another service than the one that failed,
   * so the tries are counted from the beginning. Whoever answers true must see to it that this ends. Default: nothing.
   */
  beforeRetry(error: ArtifactaError): Promise<boolean>;
}

/** How calls are repeated unless it is said otherwise. Times are milliseconds. */
export const retryDefaults: RetryPolicy = {
  attemptsMax: 6,
  delayMsFirst: 100,
  delayMsMax: 10_000,
  random: Math.random,
  beforeRetry: async () => false,
};

/**
 * True if the same call may succeed later without anybody doing anything. The two other kinds of exhaustion wait for
 * somebody to make room, and a store in recovery waits for an operator.
 */
export function isRetryable(error: ArtifactaError): boolean {
  if (error.reason === 'STORE_IN_RECOVERY' || error instanceof ForeignService) return false;
  if (error.reason === 'QUOTA_EXCEEDED' || error.reason === 'STORAGE_FULL') return false;
  return error.code === 'UNAVAILABLE' || error.reason === 'OVERLOADED' || error.retryAfterMs !== undefined;
}

/**
 * Calls until it succeeds, fails for good, or the tries are used up. What is called must be safe to repeat.
 *
 * @throws ArtifactaError the last one.
 */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  call: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt);
    } catch (thrown) {
      const error = toArtifactaError(thrown, signal);
      if (attempt >= policy.attemptsMax || !isRetryable(error)) throw error;
      await pause(policy, attempt, error, signal);
      if (await policy.beforeRetry(error)) attempt = 0;
    }
  }
}

async function pause(
  policy: RetryPolicy,
  attempt: number,
  error: ArtifactaError,
  signal: AbortSignal | undefined,
): Promise<void> {
  const grown = policy.delayMsFirst * 2 ** (attempt - 1);
  const spread = grown * (0.5 + policy.random());
  const waitMs = Math.min(Math.max(spread, error.retryAfterMs ?? 0), policy.delayMsMax);
  try {
    await sleep(waitMs, signal);
  } catch (thrown) {
    throw toArtifactaError(thrown, signal);
  }
}
