/** Structured logs: one JSON object a line, on standard output. */
import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { CallRecord } from './api/guard.ts';

export function openLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous, so that the last lines before an exit are there.
    pino.destination({ dest: 1, sync: true }),
  );
}

/** Ours to look into; the rest are answers to what callers asked for. */
const alarming = new Set<CallRecord['outcome']>(['INTERNAL', 'DATA_LOSS', 'STORE_UNAVAILABLE']);

/** One line a call: calls that succeed at debug, refusals at info, our own failures at error. */
export function callLogger(log: Logger): (record: CallRecord) => void {
  return ({ error, durationMs, ...record }) => {
    const level = record.outcome === 'OK' ? 'debug' : alarming.has(record.outcome) ? 'error' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const line = { ...record, duration_ms: Math.round(durationMs * 1_000) / 1_000 };
    log[level](error === undefined ? line : { ...line, err: error }, 'call');
  };
}
