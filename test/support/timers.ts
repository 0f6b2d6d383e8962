import type { After } from '../../src/api/timer.ts';

/** Timers that run when the test says so, and a clock that goes with them. */
export class TestTimers {
  now = 0;
  private readonly waiting = new Set<{ readonly at: number; readonly run: () => void }>();

  readonly elapsed = (): number => this.now;

  readonly after: After = (ms, run) => {
    const timer = { at: this.now + ms, run };
    this.waiting.add(timer);
    return () => this.waiting.delete(timer);
  };

  /** How many have neither run nor been cancelled. */
  get count(): number {
    return this.waiting.size;
  }

  /** Lets time pass, and runs what is due, in order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.waiting.delete(next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }
}
