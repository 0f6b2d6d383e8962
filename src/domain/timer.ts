/** Runs `task` once after `delayMs` unless the returned function is called before. A parameter wherever time passes. */
export type After = (delayMs: number, task: () => void) => () => void;

/** The longest that Node waits; it runs at once what is to wait longer, or for less than nothing, and warns of it. */
const stepMsMax = 2 ** 31 - 1;

/** Runs `task` after a delay of any length. One that is over, or is no number, is none: the task runs at once. */
function wait(delayMs: number, task: () => void, isAwaited: boolean): () => void {
  const stepMs = delayMs > 0 ? Math.min(delayMs, stepMsMax) : 0;
  const go = () => {
    if (delayMs > stepMs) cancel = wait(delayMs - stepMs, task, isAwaited);
    else task();
  };
  const timer = setTimeout(go, stepMs);
  if (!isAwaited) timer.unref();
  let cancel = () => clearTimeout(timer);
  return () => cancel();
}

/**
 * Real time. Does not keep the process alive, so a process that does nothing but await it ends at once, with Node’s exit
 * code 13: that is what {@link afterAwaitedTime} is for.
 */
export const afterRealTime: After = (delayMs, task) => wait(delayMs, task, false);

/** Real time that somebody waits for: the process does not end before it has passed. */
export const afterAwaitedTime: After = (delayMs, task) => wait(delayMs, task, true);

/** Resolves when so much real time has passed, or the signal is aborted. The process does not end before. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = afterAwaitedTime(delayMs, resolve);
  const onAbort = () => resolve();
  signal?.addEventListener('abort', onAbort, { once: true });
  await promise;
  signal?.removeEventListener('abort', onAbort);
  cancel();
}

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
