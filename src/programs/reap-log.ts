/**
 * The sidecar's log of its passes: one line each. While a service does not answer, a line says that the sidecar waits
 * for it.
 */
import type { Logger } from 'pino';
import { ArtifactaError } from '../client/errors.ts';
import type { PassReport } from '../sidecar/pass.ts';

/** Logs passes. It remembers whether the service answered the pass before. */
export class ReapLog {
  private readonly log: Logger;
  private readonly socket: string;
  private isWaiting = false;

  /** @param socket the path of the service's socket, for lines about it. */
  constructor(log: Logger, socket: string) {
    this.log = log;
    this.socket = socket;
  }

  /** Logs a pass. @param nextMs the wait before the next pass; undefined: none follows. */
  passed(report: PassReport, durationMs: number, nextMs?: number): void {
    const away = report.failures.find(({ error }) => isAway(error));
    if (away === undefined) this.answered();
    else this.absent((away.error as Error).message, nextMs);
    for (const failure of report.failures) if (failure !== away) this.failed(failure);
    this.tell(report, durationMs, nextMs);
  }

  private answered(): void {
    if (this.isWaiting) this.log.info({ socket: this.socket }, 'the service answers');
    this.isWaiting = false;
  }

  /** Warns of an absent service once: it may take long to start, and each pass meanwhile has the same result. */
  private absent(message: string, nextMs: number | undefined): void {
    const level = this.isWaiting ? 'debug' : 'warn';
    const what = nextMs === undefined ? 'the service does not answer' : 'waiting for the service';
    this.log[level]({ socket: this.socket }, `${what}: ${message}`);
    this.isWaiting = true;
  }

  /** Logs an error of the client as its message alone; a stack would be that of the client. */
  private failed({ what, error }: PassReport['failures'][number]): void {
    if (error instanceof ArtifactaError) {
      const { code, reason, message } = error;
      this.log.warn({ work: what, code, reason }, `maintenance failed: ${message}`);
    } else {
      this.log.warn({ work: what, err: error }, 'maintenance failed');
    }
  }

  private tell(report: PassReport, durationMs: number, nextMs: number | undefined): void {
    const { reaped, collected, scrubbed, exported, pauses } = report;
    for (const { namespace, sha256, message } of scrubbed.damaged)
      this.log.error({ namespace, sha256 }, `damaged content: ${message}`);
    for (const { id, message } of pauses) this.log.warn({ pause: id }, `maintenance is paused: ${message}`);
    const { removedBytes, ...counts } = collected;
    const line = {
      ...reaped,
      ...counts,
      removed_bytes: removedBytes,
      scrubbed: scrubbed.contents,
      export: exported?.written ? exported.path : null,
      duration_ms: Math.round(durationMs),
      next_ms: nextMs && Math.round(nextMs),
    };
    this.log[hasDone(report) ? 'info' : 'debug'](line, 'pass');
  }
}

/** Returns true if no service exists, or one is about to begin or to end. */
function isAway(error: unknown): boolean {
  return error instanceof ArtifactaError && error.code === 'UNAVAILABLE';
}

function hasDone({ reaped, collected, scrubbed, exported }: PassReport): boolean {
  const counts = [...Object.values(reaped), ...Object.values(collected), scrubbed.damagedCount];
  return counts.some((count) => count > 0) || exported?.written === true;
}
