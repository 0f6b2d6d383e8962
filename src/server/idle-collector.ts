/**
 * Returns to the system what a time of many messages has left behind. V8 collects while objects are made; when no more
 * come it may wait for minutes, with garbage and empty pages of hundreds of megabytes. A thorough collection takes a
 * tenth of a second or more, so it waits until no message comes.
 */
import type { After } from '../api/timer.ts';

/** No message in this number of seconds is quiet. */
const quietSeconds = 5;
/** A process that has grown by less is left alone. */
const grownBytesMin = 96 * 1024 * 1024;
/**
 * A collection that frees less was made too early, or the memory is in use: the next one waits twice as long, unless the
 * process has grown by as much meanwhile.
 */
const freedBytesMin = 64 * 1024 * 1024;
/** The most times of quiet between two collections: about ten minutes. After that the next many messages decide. */
const patienceMax = 128;

interface Process {
  readonly after: After;
  /** Undefined: not known at the moment. */
  readonly residentBytes: () => number | undefined;
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
  /** The times of quiet that must pass before memory that the last collection kept is collected again. */
  private quietsLeft = 0;
  private patience = 1;

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
    const bytes = this.process.residentBytes();
    if (bytes === undefined) return;
    this.isWaiting = true;
    this.leastBytes = Math.min(this.leastBytes, bytes);
    this.keptBytes = Math.min(this.keptBytes, bytes);
    this.wait(this.messages);
  }

  private wait(before: number, seconds = 0): void {
    this.process.after(1_000, () => {
      const silent = this.messages === before ? seconds + 1 : 0;
      const isQuiet = silent === quietSeconds;
      if (isQuiet) this.isWaiting = this.look();
      if (this.isWaiting) this.wait(this.messages, isQuiet ? 0 : silent);
    });
  }

  /** Looks at a process that is quiet. Returns whether to look again, although no message may come. */
  private look(): boolean {
    const bytes = this.process.residentBytes();
    if (bytes === undefined) return true;
    if (bytes - this.leastBytes < grownBytesMin) return false;
    if (bytes - this.keptBytes < freedBytesMin && this.quietsLeft-- > 0) return true;
    this.process.collect();
    this.keptBytes = this.process.residentBytes() ?? bytes;
    const isUseful = bytes - this.keptBytes >= freedBytesMin;
    // Connections that have not been given up yet hold what the next collection can free.
    this.patience = isUseful ? 1 : this.patience * 2;
    this.quietsLeft = Math.min(this.patience, patienceMax);
    return this.patience < patienceMax;
  }
}
