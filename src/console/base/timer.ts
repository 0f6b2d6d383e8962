/** The time of the page: the one place of the console where time passes. */

/** Calls the work once after `ms` milliseconds, at most a day. Returns a function that cancels it. */
export function after(ms: number, work: () => void): () => void {
  const timer = globalThis.setTimeout(work, Math.min(Math.max(0, ms), 86_400_000));
  return () => globalThis.clearTimeout(timer);
}

/** Resolves after `ms` milliseconds; at once if the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
