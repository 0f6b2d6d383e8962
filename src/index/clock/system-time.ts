/** The wall clock and the running time of the system. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { TimeSource } from './clock.ts';

/** CLOCK_BOOTTIME in seconds, for whatever has no call for it; in steps of 10 ms. */
const uptimePath = '/proc/uptime';

/**
 * On Linux the running time is CLOCK_BOOTTIME, read from a file when it has to be exact and carried on by the
 * process's own monotonic clock in between, which stands still while the system sleeps. Elsewhere it is that clock
 * alone.
 */
export function systemTime(path: string = uptimePath): TimeSource {
  const monotonic = () => performance.now();
  const first = readUptime(path);
  let read = { uptime: first ?? 0, at: monotonic() };
  const carriedOn = () => read.uptime + (monotonic() - read.at);
  return {
    wall: Date.now,
    countsSleep: first !== undefined,
    running: (exactly) => {
      if (!exactly || first === undefined) return carriedOn();
      const uptime = readUptime(path);
      // What was carried on may be a few milliseconds ahead of the file.
      if (uptime !== undefined) read = { uptime: Math.max(uptime, carriedOn()), at: monotonic() };
      return carriedOn();
    },
  };
}

/** In milliseconds; undefined where there is no such file. */
function readUptime(path: string): number | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const buffer = Buffer.alloc(64);
    const seconds = Number.parseFloat(buffer.toString('latin1', 0, readSync(file, buffer)));
    return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
