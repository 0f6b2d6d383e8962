import { humanSize } from './human.ts';
import type { Output } from './output.ts';

/** How often the line is written anew, at most, in milliseconds. */
const intervalMs = 100;

/** Says on one line of a terminal how far several files have come. */
export class Progress {
  private readonly output: Output;
  private readonly nowMs: () => number;
  private done = 0;
  private shownAtMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs a clock that does not jump. */
  constructor(output: Output, nowMs: () => number = () => performance.now()) {
    this.output = output;
    this.nowMs = nowMs;
  }

  /** So many bytes of a file, of so many in all if that is known. */
  moved(name: string, what: string, bytes: number, ofBytes: number | undefined): void {
    const now = this.nowMs();
    if (now - this.shownAtMs < intervalMs) return;
    this.shownAtMs = now;
    const before = this.done === 0 ? '' : `${this.done} done; `;
    this.output.progress(`${before}${what} ${share(bytes, ofBytes)}: ${name}`);
  }

  /** One file has come to its end. */
  finished(): void {
    this.done++;
  }
}

function share(bytes: number, ofBytes: number | undefined): string {
  if (ofBytes === undefined) return humanSize(bytes);
  const percent = ofBytes === 0 ? 100 : Math.floor((bytes / ofBytes) * 100);
  return `${percent}% of ${humanSize(ofBytes)}`;
}
