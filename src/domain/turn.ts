const waiting: (() => void)[] = [];

/**
 * Resolves in a turn of the event loop that nobody else gets here: however many wait, what has come from sockets and
 * timers is handled between any two of them. For loops over what callers made, after a few milliseconds of work.
 */
export function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  waiting.push(resolve);
  if (waiting.length === 1) setImmediate(next);
  return promise;
}

/** One a turn: what is asked for while immediates run is run in the next. */
function next(): void {
  const resolve = waiting.shift();
  if (waiting.length > 0) setImmediate(next);
  resolve?.();
}
