/** A wall clock and a running time that the test moves. */
import { ServiceClock, type TimeSource } from '../../src/index/clock/clock.ts';
import { startOfTime } from './service.ts';

export class TestTime {
  /** What the wall clock says. Set it to step the clock. */
  wall = startOfTime;
  /** What the system has run, sleep included. */
  running = 1_000_000;
  /** What `running` shows while nobody asks exactly: less after a sleep. */
  private hidden = 0;
  readonly source: TimeSource;
  readonly warnings: string[] = [];

  constructor(countsSleep = true) {
    this.source = {
      countsSleep,
      wall: () => this.wall,
      running: (exactly) => {
        if (exactly && countsSleep) this.hidden = 0;
        return this.running - this.hidden;
      },
    };
  }

  clock(): ServiceClock {
    return new ServiceClock({ source: this.source, warn: (message) => this.warnings.push(message) });
  }

  /** Time passes. */
  pass(ms: number): void {
    this.wall += ms;
    this.running += ms;
  }

  /** The machine sleeps. */
  sleep(ms: number): void {
    this.pass(ms);
    this.hidden += ms;
  }

  /** Time passes while somebody looks every second, as the service does. */
  passWatched(ms: number, clock: ServiceClock): void {
    const end = this.running + ms;
    while (this.running < end) {
      this.pass(Math.min(1_000, end - this.running));
      clock.check();
    }
  }
}

export const minutes = (count: number) => count * 60_000;
export const hours = (count: number) => count * 3_600_000;
export const days = (count: number) => count * 86_400_000;

/** The 48-bit millisecond timestamp of a UUIDv7. */
export function idTimeMs(bytes: Uint8Array): number {
  let time = 0;
  for (let at = 0; at < 6; at++) time = time * 256 + bytes[at]!;
  return time;
}
