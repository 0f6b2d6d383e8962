/**
 * Seals that could not be completed. Each is tried again until it is complete: a fenced session never stays half
 * sealed.
 */
import type { After } from '../../domain/timer.ts';

const firstDelayMs = 500;
const lastDelayMs = 30_000;

/** Waits half a second before the first retry, then twice as long each time, at most 30 seconds. */
export class PendingSeals {
  private readonly after: After;
  private readonly complete: (ns: string, uid: string) => Promise<unknown>;
  private readonly cancels = new Map<string, () => void>();
  private closed = false;

  /** @param complete the attempt; whatever it throws, it is made again. */
  constructor(after: After, complete: (ns: string, uid: string) => Promise<unknown>) {
    this.after = after;
    this.complete = complete;
  }

  /** The number of seals that wait for another attempt. */
  get size(): number {
    return this.cancels.size;
  }

  /** True: nothing is tried any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Tries to complete a seal later, and again with growing delays until it is complete. */
  retry(ns: string, uid: string, delayMs = firstDelayMs): void {
    const key = `${ns} ${uid}`;
    if (this.closed || this.cancels.has(key)) return;
    const cancel = this.after(delayMs, () => {
      this.complete(ns, uid).then(
        () => this.cancels.delete(key),
        () => {
          this.cancels.delete(key);
          this.retry(ns, uid, Math.min(delayMs * 2, lastDelayMs));
        },
      );
    });
    this.cancels.set(key, cancel);
  }

  close(): void {
    this.closed = true;
    for (const cancel of this.cancels.values()) cancel();
    this.cancels.clear();
  }
}
