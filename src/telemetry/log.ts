/** Structured logs on standard output: JSON, or lines for people. No line contains a header of a request. */
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { alarming, type EndedCall } from './call.ts';
import { readableLine } from './readable-line.ts';

/** The form of log lines: one JSON object each, or texts for people. */
export type LogForm = 'json' | 'text' | 'colored text';

/**
 * Opens the log.
 *
 * @param activeTraceId returns the trace id of the call that a line belongs to; the line gets it. Default: no line has
 * one.
 */
export function openLog(
  level: string,
  form: LogForm,
  activeTraceId: () => string | undefined = () => undefined,
): Logger {
  const readable = (line: string) => readableLine(line, form === 'colored text');
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      hooks: { streamWrite: form === 'json' ? escapeControls : readable },
      mixin: () => {
        const traceId = activeTraceId();
        return traceId === undefined ? {} : { trace_id: traceId };
      },
    },
    // Synchronous, so that the last lines before an exit are written.
    pino.destination({ dest: 1, sync: true }),
  );
}

/** Returns a line of JSON without control characters for terminals: JSON itself escapes only the first 32. */
export function escapeControls(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Logs one line for each call: success at debug, refusals at info, failures of the service at error. */
export function callLogger(log: Logger): (call: EndedCall) => void {
  return ({ method, transport, namespace, subject, outcome, durationMs, traceId, error, redirected }) => {
    const level = outcome === 'OK' ? 'debug' : alarming.has(outcome) ? 'error' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const line = {
      method,
      transport,
      namespace,
      subject,
      outcome,
      duration_ms: Math.round(durationMs * 1_000) / 1_000,
      ...(redirected ? { redirected } : {}),
      ...(traceId === undefined ? {} : { trace_id: traceId }),
      ...(error === undefined ? {} : { err: error }),
    };
    log[level](line, 'call');
  };
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly cause?: DescribedError;
}

const causesMax = 3;
const textLengthMax = 8_192;

/**
 * Returns an error as it is logged: these members and no others, since errors of libraries contain whole requests,
 * credentials included; and without credentials in texts, where their form shows them.
 */
export function describeError(error: unknown): DescribedError {
  return describe(error, causesMax);
}

function describe(error: unknown, causes: number): DescribedError {
  if (!(error instanceof Error))
    return { type: typeof error, message: typeof error === 'string' ? redact(error) : '(not an Error)' };
  const { name, message, stack, cause } = error;
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return {
    type: name,
    message: redact(message),
    ...(stack === undefined ? {} : { stack: redact(stack) }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: redact(String(code)) } : {}),
    ...(typeof reason === 'string' ? { reason: redact(reason) } : {}),
    ...(cause === undefined || causes === 0 ? {} : { cause: describe(cause, causes - 1) }),
  };
}

/** Returns the text without what follows `Bearer`, `authorization:`, `token=` or `X-Goog-Signature=`. */
export function redact(text: string): string {
  return text
    .slice(0, textLengthMax)
    .replace(
      /\b(authorization|token)(["']?\s*[:=]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',;&]+/gi,
      '$1$2[redacted]',
    )
    .replace(/\b(x-goog-signature=)[^\s"',;&]+/gi, '$1[redacted]')
    .replace(/\b(bearer)\s+(?!\[redacted\])[^\s"',;&]+/gi, '$1 [redacted]');
}
