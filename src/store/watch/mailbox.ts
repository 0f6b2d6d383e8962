/**
 * The items that wait for one watcher. Their number and their size are bounded. An end, a failure or a signal wakes the
 * reader that waits for the next item.
 */

/** A queue with one reader. */
export class Mailbox<T> {
  private readonly waiting: { readonly item: T; readonly bytes: number }[] = [];
  private readonly itemsMax: number;
  private readonly bytesMax: number;
  private bytes = 0;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;

  constructor(limits: { readonly itemsMax: number; readonly bytesMax: number }) {
    this.itemsMax = limits.itemsMax;
    this.bytesMax = limits.bytesMax;
  }

  /** Returns false, and keeps nothing, if no room is left. */
  put(item: T, bytes: number): boolean {
    if (this.failure !== undefined) return true;
    const isFull = this.waiting.length >= this.itemsMax || this.bytes + bytes > this.bytesMax;
    if (isFull && this.waiting.length > 0) return false;
    this.waiting.push({ item, bytes });
    this.bytes += bytes;
    this.wake?.();
    return true;
  }

  /** Drops the items that wait; the reader gets the error. Only the first error counts. */
  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.waiting.length = 0;
    this.wake?.();
  }

  /** @throws the error that {@link fail} got. */
  requireWhole(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** Returns the next item, when one exists. @throws the error that {@link fail} got. */
  async next(): Promise<T> {
    for (;;) {
      this.requireWhole();
      const first = this.waiting.shift();
      if (first !== undefined) {
        this.bytes -= first.bytes;
        return first.item;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      await promise;
      this.wake = undefined;
    }
  }
}
