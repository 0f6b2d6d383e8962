import { type Figures, figuresText, Meter } from './meter.ts';
import type { Output } from './output.ts';

/** The shortest time between two rewrites of the line, in milliseconds. */
const intervalMs = 100;

/** Shows the progress of long work on one line of a terminal: bytes, rate and the time that is left. */
export class Progress {
  private readonly output: Output;
  private readonly nowMs: () => number;
  private readonly meter: Meter;
  private shownAtMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs a clock that does not jump. */
  constructor(output: Output, nowMs: () => number = () => performance.now()) {
    this.output = output;
    this.nowMs = nowMs;
    this.meter = new Meter(nowMs);
  }

  /**
   * Shows that this number of bytes is done.
   *
   * @param text the text around the figures.
   * @param worked the count for the rate; never falls. Default: the bytes.
   */
  show(
    figures: Omit<Figures, 'rate'>,
    text: (figures: string) => string,
    worked: number = figures.bytes,
  ): void {
    const now = this.nowMs();
    if (now - this.shownAtMs < intervalMs) return;
    this.shownAtMs = now;
    this.output.progress(text(figuresText({ ...figures, rate: this.meter.rate(worked) })));
  }
}

/** The same for several files, some of them at once. */
export class FileProgress {
  private readonly progress: Progress;
  /** The bytes of the files that are under way. A file may be read twice: hashed, then sent. */
  private readonly underWay = new Map<string, number>();
  private done = 0;
  private doneBytes = 0;
  private worked = 0;
  private ofBytes: number | undefined;

  /** @param nowMs a clock that does not jump. */
  constructor(output: Output, nowMs?: () => number) {
    this.progress = new Progress(output, nowMs);
  }

  /** Sets the number of bytes in all. Default: unknown, except for a single file. */
  expect(bytes: number): void {
    this.ofBytes = bytes;
  }

  /** Records this number of bytes of a file, with its size if known. */
  moved(name: string, what: string, bytes: number, ofBytes: number | undefined): void {
    this.worked += Math.max(0, bytes - (this.underWay.get(name) ?? 0));
    this.underWay.set(name, bytes);
    let all = this.doneBytes;
    for (const part of this.underWay.values()) all += part;
    const isAlone = this.done === 0 && this.underWay.size === 1;
    const before = this.done === 0 ? '' : `${this.done} done; `;
    this.progress.show(
      { bytes: all, ofBytes: this.ofBytes ?? (isAlone ? ofBytes : undefined) },
      (figures) => `${before}${what} ${figures}: ${name}`,
      this.worked,
    );
  }

  /** Records that one file of this size has come to its end. */
  finished(name: string, bytes: number): void {
    this.worked += Math.max(0, bytes - (this.underWay.get(name) ?? 0));
    this.underWay.delete(name);
    this.done++;
    this.doneBytes += bytes;
  }
}
