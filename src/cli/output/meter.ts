import { humanDuration, humanSize } from './human.ts';

/**
 * The time over which the rate is measured, in milliseconds: long enough to be calm, short enough to follow a change.
 */
const windowMs = 5_000;
/** Before this time, a rate means nothing. */
const settledMs = 1_000;

/** The rate at which a count of bytes grows. */
export class Meter {
  private readonly nowMs: () => number;
  private readonly samples: { readonly atMs: number; readonly bytes: number }[];

  /** Begins now, at no bytes. @param nowMs a clock that does not jump. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.samples = [{ atMs: nowMs(), bytes: 0 }];
  }

  /** Returns bytes a second, over the last few seconds. Undefined: too little is known. @param bytes never falls. */
  rate(bytes: number): number | undefined {
    const atMs = this.nowMs();
    this.samples.push({ atMs, bytes });
    // The first sample is the last one that is older than the window.
    while (this.samples.length > 2 && atMs - this.samples[1]!.atMs >= windowMs) this.samples.shift();
    const first = this.samples[0]!;
    const elapsedMs = atMs - first.atMs;
    return elapsedMs < settledMs ? undefined : ((bytes - first.bytes) / elapsedMs) * 1_000;
  }
}

/** The figures of progress to show. */
export interface Figures {
  readonly bytes: number;
  /** The number of bytes in all. Undefined: unknown. */
  readonly ofBytes: number | undefined;
  /** Whether `ofBytes` is a bound: the work may end earlier. Default false. */
  readonly isAtMost?: boolean;
  /** Bytes a second. Undefined: unknown. */
  readonly rate: number | undefined;
}

/** Returns `43% of 2.0 GiB, 80 MiB/s, 14 s left`, or the known part of it. */
export function figuresText({ bytes, ofBytes, isAtMost = false, rate }: Figures): string {
  const most = isAtMost ? 'at most ' : '';
  const parts =
    ofBytes === undefined
      ? [humanSize(bytes)]
      : [
          `${ofBytes === 0 ? 100 : Math.min(100, Math.floor((bytes / ofBytes) * 100))}% of ${most}${humanSize(ofBytes)}`,
        ];
  if (rate !== undefined) parts.push(`${humanSize(rate)}/s`);
  if (rate !== undefined && rate > 0 && ofBytes !== undefined && bytes < ofBytes)
    parts.push(`${most}${humanDuration(((ofBytes - bytes) / rate) * 1_000)} left`);
  return parts.join(', ');
}
