/**
 * Runs `task` once after `delayMs`, unless the returned function is called before. Everything that lets time pass takes
 * it as a parameter.
 */
export type After = (delayMs: number, task: () => void) => () => void;

/** The longest delay of Node's timers. A task with a longer or negative delay runs at once, and Node warns of it. */
const timerMsMax = 2 ** 31 - 1;

/** Runs `task` after a delay of any length. For a delay that is over, or is not a number, the task runs at once. */
function wait(delayMs: number, task: () => void, isAwaited: boolean): () => void {
  const timerMs = delayMs > 0 ? Math.min(delayMs, timerMsMax) : 0;
  const go = () => {
    if (delayMs > timerMs) cancel = wait(delayMs - timerMs, task, isAwaited);
    else task();
  };
  const timer = setTimeout(go, timerMs);
  if (!isAwaited) timer.unref();
  let cancel = () => clearTimeout(timer);
  return () => cancel();
}

/**
 * Real time. It does not keep the process alive, so a process that only awaits it ends at once, with Node’s exit code
 * 13. {@link afterAwaitedTime} is for that case.
 */
export const afterRealTime: After = (delayMs, task) => wait(delayMs, task, false);

/** Real time that keeps the process alive: the process does not end before the time has passed. */
export const afterAwaitedTime: After = (delayMs, task) => wait(delayMs, task, true);

/** Resolves after this much real time, or when the signal is aborted. The process does not end before. */
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
 * Resolves in a turn of the event loop that no other caller of this function gets. However many callers wait, the
 * events of sockets and timers are handled between any two of them. Loops over things that callers made use it after a
 * few milliseconds of work.
 */
export function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  waiting.push(resolve);
  if (waiting.length === 1) setImmediate(next);
  return promise;
}

/** Resolves one caller in each turn: an immediate that is requested while immediates run comes in the next turn. */
function next(): void {
  const resolve = waiting.shift();
  if (waiting.length > 0) setImmediate(next);
  resolve?.();
}
