/** Time limits: `After`, and signals that are aborted in time. */
import type { After } from '../domain/timer.ts';

export { type After, afterAwaitedTime, afterRealTime, turn } from '../domain/timer.ts';

/**
 * Returns a signal that is aborted with `failure()` after this number of milliseconds, or when the given signal is
 * aborted. `clear` must be called at the end.
 *
 * @param end aborts the given signal, which then has the limit itself. Default: another signal is made.
 */
export function limitedSignal(
  signal: AbortSignal,
  ms: number,
  after: After,
  failure: () => Error,
  end?: (reason: Error) => void,
): { readonly signal: AbortSignal; readonly clear: () => void } {
  if (end !== undefined) return { signal, clear: after(ms, () => end(failure())) };
  const limited = new AbortController();
  const onAbort = () => limited.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const cancel = after(ms, () => limited.abort(failure()));
  return {
    signal: limited.signal,
    clear: () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Settles like the promise, unless the signal is aborted first: then rejects with the signal's reason. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
