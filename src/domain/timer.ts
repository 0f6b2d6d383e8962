/** Runs `task` once after `delayMs` unless the returned function is called before. A parameter wherever time passes. */
export type After = (delayMs: number, task: () => void) => () => void;

/**
 * Real time. Does not keep the process alive, so a process that does nothing but await it ends at once, with Node’s exit
 * code 13: that is what {@link afterAwaitedTime} is for.
 */
export const afterRealTime: After = (delayMs, task) => {
  const timer = setTimeout(task, delayMs).unref();
  return () => clearTimeout(timer);
};

/** Real time that somebody waits for: the process does not end before it has passed. */
export const afterAwaitedTime: After = (delayMs, task) => {
  const timer = setTimeout(task, delayMs);
  return () => clearTimeout(timer);
};

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
