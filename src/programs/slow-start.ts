/** Says what a start waits for when it takes long, so that whoever looks at the log need not guess. */
import type { After } from '../domain/timer.ts';

/** When it is said first; then after twice as long each time. In milliseconds. */
const firstMs = 2_000;

/** Follows one start, until it is disposed. */
export class SlowStart implements Disposable {
  private readonly after: After;
  private readonly tell: (waitedMs: number, what: string) => void;
  private what = 'its settings';
  private cancel: (() => void) | undefined;

  /** @param tell told so many milliseconds after the beginning what the start is at. */
  constructor(after: After, tell: (waitedMs: number, what: string) => void) {
    this.after = after;
    this.tell = tell;
    this.arm(0, firstMs);
  }

  /** What comes next in the start. */
  readonly waitsFor = (what: string): void => {
    this.what = what;
  };

  private arm(waitedMs: number, untilMs: number): void {
    this.cancel = this.after(untilMs - waitedMs, () => {
      this.tell(untilMs, this.what);
      this.arm(untilMs, 2 * untilMs);
    });
  }

  [Symbol.dispose](): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
