/**
 * What the main thread does while the slowest calls wait, beside the calls in the middle: the samples of V8's profiler
 * between the begin and the end of each call, whichever call they are of.
 */
import { quantile } from '../harness/statistics.ts';

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** A profile as V8 writes it. */
export interface Profile {
  /** Microseconds of the clock of `process.hrtime`. */
  readonly startTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: number[] }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The begin and the end of a call, in microseconds of the clock of `process.hrtime`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const idle = 'nothing: the call waits for the disk, or its turn for another batch';

/** The share of the calls that counts as the slowest. */
const slowest = 0.01;
/** The calls in the middle: those between these quantiles. */
const middle = [0.45, 0.55] as const;

/** The time that each part has had up to each sample. */
class Timeline {
  private readonly ends: number[] = [];
  private readonly sums = new Map<string, Float64Array>();

  /** @param partOf returns the part of a node of the profile; undefined while the thread is idle. */
  constructor({ startTime, samples, timeDeltas }: Profile, partOf: (node: number) => string | undefined) {
    let at = startTime;
    for (const [order, node] of samples.entries()) {
      at += timeDeltas[order]!;
      this.ends.push(at);
      this.sumOf(partOf(node) ?? idle, samples.length)[order] = timeDeltas[order]!;
    }
    for (const sum of this.sums.values())
      for (let order = 1; order < sum.length; order++) sum[order]! += sum[order - 1]!;
  }

  private sumOf(part: string, length: number): Float64Array {
    const sum = this.sums.get(part) ?? new Float64Array(length);
    this.sums.set(part, sum);
    return sum;
  }

  /** Returns the microseconds of each part between two instants, to the sample. */
  within({ from, to }: Span): Map<string, number> {
    const [first, last] = [this.before(from), this.before(to)];
    const of = (sum: Float64Array, order: number) => (order < 0 ? 0 : sum[order]!);
    return new Map([...this.sums].map(([part, sum]) => [part, of(sum, last) - of(sum, first)]));
  }

  /** Returns the last sample that ends at an instant or before it; -1 if there is none. */
  private before(instant: number): number {
    let [low, high] = [0, this.ends.length];
    while (low < high) {
      const half = (low + high) >> 1;
      if (this.ends[half]! <= instant) low = half + 1;
      else high = half;
    }
    return low - 1;
  }
}

function meanOf(timeline: Timeline, spans: readonly Span[]): Map<string, number> {
  const means = new Map<string, number>();
  for (const span of spans)
    for (const [part, micros] of timeline.within(span))
      means.set(part, (means.get(part) ?? 0) + micros / spans.length);
  return means;
}

/** Prints, for the slowest calls and for those in the middle, what the main thread did meanwhile. */
export function printSlow(
  profile: Profile,
  spans: readonly Span[],
  partOf: (node: number) => string | undefined,
): void {
  const timeline = new Timeline(profile, partOf);
  const sorted = spans.toSorted((a, b) => a.to - a.from - (b.to - b.from));
  const at = (share: number) => Math.floor(sorted.length * share);
  const usual = meanOf(timeline, sorted.slice(at(middle[0]), Math.max(at(middle[1]), at(middle[0]) + 1)));
  const slow = meanOf(timeline, sorted.slice(Math.min(at(1 - slowest), sorted.length - 1)));
  const millis = sorted.map(({ from, to }) => (to - from) / 1_000);
  const shown = [0.5, 0.99, 1].map((share) => quantile(millis, share).toFixed(2)).join(', ');
  console.log(`\na call by the clock, ms, p50, p99 and the slowest: ${shown}`);
  console.log('the main thread meanwhile, µs: the slowest hundredth of the calls; the calls in the middle');
  for (const [part, micros] of [...slow].sort(([, a], [, b]) => b - a))
    console.log(`${micros.toFixed(0).padStart(8)} ${(usual.get(part) ?? 0).toFixed(0).padStart(8)}  ${part}`);
}
