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
