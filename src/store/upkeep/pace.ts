/** How fast maintenance goes: as long as it works it rests, so that others find the disk and the thread free. */
import { type After, afterAwaitedTime } from '../../domain/timer.ts';

/** Beyond this it rests no longer, in milliseconds: what took long may have waited for others. */
const restMsMax = 50;

/** Rests after each piece of work. */
export class Pace {
  private readonly after: After;
  private readonly elapsed: () => number;

  /** @param elapsed milliseconds from any origin. */
  constructor(elapsed: () => number, after: After = afterAwaitedTime) {
    this.elapsed = elapsed;
    this.after = after;
  }

  /** Does something, and then rests for as long as that took. */
  async of<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = this.elapsed();
    const result = await work();
    const restMs = Math.min(this.elapsed() - beganMs, restMsMax);
    if (restMs >= 1) await new Promise<void>((resolve) => void this.after(restMs, resolve));
    return result;
  }
}
