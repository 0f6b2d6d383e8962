import type { ArtifactaError } from '../errors.ts';
import { sleep } from './timer.ts';
import { toArtifactaError } from './to-error.ts';

/** How calls are retried. */
export interface RetryPolicy {
  /** The number of tries in all, including the first. Default 6. */
  readonly attemptsMax: number;
  /** The wait before the second try, in milliseconds; it doubles from try to try. Default 100. */
  readonly delayMsFirst: number;
  /** The longest wait, in milliseconds, even if the service asks for a longer one. Default 10,000. */
  readonly delayMsMax: number;
  /** Returns a number from 0 to 1, which spreads the waits of clients that failed together. Default `Math.random`. */
  random(): number;
  /**
   * Called before a try is repeated, e.g. to connect again. True: the next try uses another service than the one that
   * failed, so the tries are counted from the beginning. A function that returns true must make sure that this ends.
   * Default: does nothing.
   */
  beforeRetry(error: ArtifactaError): Promise<boolean>;
}

/** How calls are repeated by default. Times are in milliseconds. */
export const retryDefaults: RetryPolicy = {
  attemptsMax: 6,
  delayMsFirst: 100,
  delayMsMax: 10_000,
  random: Math.random,
  beforeRetry: async () => false,
};

/**
 * Calls until the call succeeds, fails permanently, or the tries are used up. The call must be safe to repeat.
 *
 * @throws ArtifactaError the last error.
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
      if (attempt >= policy.attemptsMax || !error.retryable) throw error;
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
