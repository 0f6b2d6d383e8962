/** Makes pass after pass until a stop: not at the same time as other sidecars, and less often while passes fail. */
import type { PassReport } from './pass.ts';

interface LoopOptions {
  /** @param sinceMs since the begin of the previous pass; undefined: this is the first. */
  readonly pass: (sinceMs: number | undefined) => Promise<PassReport>;
  /** From the end of a pass to the next, unless something is due earlier. */
  readonly intervalMs: number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
  /** Milliseconds since the Unix epoch, by the clock of the service: due times are in it. */
  readonly now: () => number;
  /** Resolves after this time, or when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onPass: (report: PassReport, nextMs: number) => void;
}

/** The least time between two passes, however much is due. */
const intervalMsMin = 1_000;
const backOffMsMax = 5 * 60_000;

/** Resolves when the signal is aborted. */
export async function loop(options: LoopOptions): Promise<void> {
  const { signal, elapsed } = options;
  let failed = 0;
  let began: number | undefined;
  while (!signal.aborted) {
    const start = elapsed();
    const sinceMs = began === undefined ? undefined : start - began;
    began = start;
    let report: PassReport;
    try {
      report = await options.pass(sinceMs);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    failed = report.failures.length === 0 ? 0 : failed + 1;
    const waitMs = waitAfter(report, failed, options);
    options.onPass(report, waitMs);
    await options.sleep(waitMs, signal);
  }
}

function waitAfter(report: PassReport, failed: number, { intervalMs, random, now }: LoopOptions): number {
  // A third more or less, so that not all sidecars of a fleet come at once.
  const jitter = 2 / 3 + (2 / 3) * random();
  if (failed > 0) return Math.min(intervalMsMin * 2 ** Math.min(failed - 1, 20), backOffMsMax) * jitter;
  if (report.more) return intervalMsMin;
  const dueMs = report.nextTime === undefined ? Number.POSITIVE_INFINITY : report.nextTime.getTime() - now();
  return Math.max(intervalMsMin, Math.min(intervalMs * jitter, dueMs));
}
