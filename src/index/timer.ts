/** Runs `task` once after `delayMs` unless the returned function is called before. A parameter wherever time passes. */
export type After = (delayMs: number, task: () => void) => () => void;

/** Real time. Does not keep the process alive. */
export const afterRealTime: After = (delayMs, task) => {
  const timer = setTimeout(task, delayMs).unref();
  return () => clearTimeout(timer);
};
