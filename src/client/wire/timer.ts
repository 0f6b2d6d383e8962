/** Waits of any length. */

/** The longest time that Node waits. A task with a longer time, or a negative one, runs at once with a warning. */
const timerMsMax = 2 ** 31 - 1;

/**
 * Runs `task` once after `delayMs` unless the returned function is called before. A delay that is over, or is not a
 * number, counts as none. The process does not end before the task has run.
 */
export function later(delayMs: number, task: () => void): () => void {
  const timerMs = delayMs > 0 ? Math.min(delayMs, timerMsMax) : 0;
  const go = () => {
    if (delayMs > timerMs) cancel = later(delayMs - timerMs, task);
    else task();
  };
  const timer = setTimeout(go, timerMs);
  let cancel = () => clearTimeout(timer);
  return () => cancel();
}

/** Resolves after this long. @throws the reason of the signal if it is aborted before. */
export async function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = later(delayMs, resolve);
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    cancel();
  }
}
