/** The speed of maintenance: it rests as long as it works, so that other work finds the disk and the thread free. */
import { type After, afterAwaitedTime } from '../../domain/timer.ts';

/** The longest rest, in milliseconds: work that took longer may have waited for other work. */
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

  /** Does some work, and then rests for as long as it took. */
  async of<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = this.elapsed();
    const result = await work();
    const restMs = Math.min(this.elapsed() - beganMs, restMsMax);
    if (restMs >= 1) await new Promise<void>((resolve) => void this.after(restMs, resolve));
    return result;
  }
}
