/** When a request that failed is tried again. */
import type { After } from '../../domain/timer.ts';

/** The time over which requests and retries are compared, in milliseconds. */
const windowMs = 60_000;
const slotMs = 1_000;
/** One retry for this number of requests. */
const requestsPerRetry = 10;
/** This many retries are allowed in the window, however few requests are made: else a quiet service could not retry. */
const retriesMin = 20;

const firstDelayMs = 100;
const delayMsMax = 5_000;

/**
 * Counts the requests and retries of the process. When everything fails, retries would multiply the load of a bucket
 * that is already overloaded.
 */
export class RetryAllowance {
  private readonly elapsed: () => number;
  private readonly slots = new Map<number, { requests: number; retries: number }>();

  /** @param elapsed returns milliseconds from any origin. */
  constructor(elapsed: () => number) {
    this.elapsed = elapsed;
  }

  /** Counts a request that is not a retry. */
  noteRequest(): void {
    this.slot().requests++;
  }

  /** Counts a retry if one is allowed now. @returns false if it is not. */
  takeRetry(): boolean {
    const slot = this.slot();
    let [requests, retries] = [0, 0];
    for (const one of this.slots.values()) {
      requests += one.requests;
      retries += one.retries;
    }
    if (retries >= Math.max(retriesMin, Math.floor(requests / requestsPerRetry))) return false;
    slot.retries++;
    return true;
  }

  private slot(): { requests: number; retries: number } {
    const now = Math.floor(this.elapsed() / slotMs);
    for (const at of this.slots.keys()) if (at <= now - windowMs / slotMs) this.slots.delete(at);
    const slot = this.slots.get(now) ?? { requests: 0, retries: 0 };
    this.slots.set(now, slot);
    return slot;
  }
}

/**
 * Returns how long to wait before another try, in milliseconds: a random part of a time that doubles each time, and at
 * least what the bucket has asked for. Undefined: the deadline comes first.
 *
 * @param tries the number of tries that have failed.
 * @param random at least 0 and less than 1.
 * @param leftMs the time until the deadline.
 */
export function retryDelay(
  tries: number,
  {
    random,
    leftMs,
    askedMs = 0,
  }: { readonly random: number; readonly leftMs: number; readonly askedMs?: number },
): number | undefined {
  const longest = Math.min(delayMsMax, firstDelayMs * 2 ** (tries - 1));
  const delayMs = Math.max(askedMs, Math.ceil(random * longest));
  return delayMs < leftMs ? delayMs : undefined;
}

/** Waits. Resolves early when the signal is aborted. */
export async function waitFor(delayMs: number, after: After, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = after(delayMs, resolve);
  const onAbort = () => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  await promise;
  signal.removeEventListener('abort', onAbort);
  cancel();
}
