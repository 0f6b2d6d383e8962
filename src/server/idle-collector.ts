/**
 * Returns to the system what a time of many messages has left behind. V8 collects while objects are made; when no more
 * come it may wait for minutes, with garbage and empty pages of hundreds of megabytes. A thorough collection takes a
 * tenth of a second or more, so it waits until no message comes.
 */
import type { After } from '../api/timer.ts';

/** No message for this long is quiet, in milliseconds. */
const quietMs = 5_000;
/** A process that has grown by less is left alone. */
const grownBytesMin = 192 * 1024 * 1024;
/** So is one that has grown by less since such a collection: what that left was in use, or could not be returned. */
const grownAgainBytesMin = 64 * 1024 * 1024;

interface Process {
  readonly after: After;
  readonly residentBytes: () => number;
  /** Collects everything, and returns all empty pages. */
  readonly collect: () => void;
}

/** Waits for quiet after many messages. */
export class IdleCollector {
  private readonly process: Process;
  private messages = 0;
  private isWaiting = false;
  /** The memory of the process when it was last small. */
  private leastBytes = Number.POSITIVE_INFINITY;
  /** Its memory after the last collection. */
  private keptBytes = Number.NEGATIVE_INFINITY;

  constructor(process: Process) {
    this.process = process;
  }

  /** Records a message. */
  note(): void {
    this.messages++;
  }

  /** Looks at the process as soon as it is quiet. To be called after many messages. */
  expectQuiet(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    const bytes = this.process.residentBytes();
    this.leastBytes = Math.min(this.leastBytes, bytes);
    this.keptBytes = Math.min(this.keptBytes, bytes);
    this.wait(this.messages);
  }

  private wait(before: number): void {
    this.process.after(quietMs, () => {
      if (this.messages !== before) return this.wait(this.messages);
      this.isWaiting = false;
      const bytes = this.process.residentBytes();
      if (bytes - this.leastBytes < grownBytesMin || bytes - this.keptBytes < grownAgainBytesMin) return;
      this.process.collect();
      this.keptBytes = this.process.residentBytes();
    });
  }
}
