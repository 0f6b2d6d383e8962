/** Runs `artifacta reap` next to the service: another process, which ends with this one, whatever ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAwaitedTime, afterRealTime } from '../domain/timer.ts';
import type { ServeConfig } from '../settings/config-shapes.ts';

const firstDelayMs = 1_000;
const lastDelayMs = 60_000;
/** The time that it may take to end after a request to stop. */
const patienceMs = 5_000;
/** A process that ran this long had begun well. */
const steadyMs = 60_000;

/**
 * Starts the reaper, and starts it again whenever it ends by itself. Disposal ends it.
 * @param main The file that this process was started with.
 */
export function startReaper(
  main: string,
  { dataDir, socket, logLevel, logFormat }: ServeConfig,
  warn: (fields: object, message: string) => void,
): AsyncDisposable {
  const place = ['--data-dir', dataDir, '--socket', socket];
  const args = [main, 'reap', ...place, '--log-level', logLevel, '--log-format', logFormat];
  let child: ChildProcess | undefined;
  let cancel = () => {};
  let isStopping = false;
  let delayMs = firstDelayMs;
  const start = () => {
    const beganMs = performance.now();
    // Through the channel it learns that this process has ended, even if no signal could say so.
    child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    // A process that cannot be started ends too.
    child.on('error', (error) => warn({ err: error }, 'the reaper failed'));
    child.on('close', (code, signal) => {
      child = undefined;
      if (isStopping) return;
      if (performance.now() - beganMs > steadyMs) delayMs = firstDelayMs;
      warn({ code, signal, again_ms: delayMs }, 'the reaper has ended; it is started again');
      cancel = afterRealTime(delayMs, start);
      delayMs = Math.min(delayMs * 2, lastDelayMs);
    });
  };
  start();
  return {
    [Symbol.asyncDispose]: async () => {
      isStopping = true;
      cancel();
      if (child === undefined) return;
      const running = child;
      const closed = once(running, 'close');
      running.kill('SIGTERM');
      const calm = afterAwaitedTime(patienceMs, () => running.kill('SIGKILL'));
      await closed;
      calm();
    },
  };
}
