/** The wall clock and the running time of the system. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { TimeSource } from './clock.ts';

/** CLOCK_BOOTTIME in seconds, for programs that have no call for it; in steps of 10 ms. */
const uptimePath = '/proc/uptime';

/**
 * Returns the system's clocks. On Linux the running time is CLOCK_BOOTTIME, read from a file when it has to be exact.
 * In between, the process's own monotonic clock continues it; that clock stands still while the system sleeps. On other
 * systems the running time is that clock alone.
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
      // The continued time may be a few milliseconds ahead of the file.
      if (uptime !== undefined) read = { uptime: Math.max(uptime, carriedOn()), at: monotonic() };
      return carriedOn();
    },
  };
}

/** Returns milliseconds; undefined if the file does not exist. */
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
