/** What is told of the service: logs, figures and traces. What is not asked for is not even loaded. */
import type { Logger } from 'pino';
import type { EndedCall, StartedCall } from './call.ts';
import { callLogger, openLog } from './log.ts';
import type { StoreFigures } from './store-metrics.ts';
import type { CallSpan, Tracing } from './tracing.ts';

export interface TelemetryOptions {
  /** Of the software. */
  readonly version: string;
  readonly logLevel: string;
  /** Whether anybody can ask for figures. */
  readonly hasMetrics: boolean;
  /** Where spans are sent, by OTLP over HTTP. Undefined: there are none. */
  readonly otlpTracesUrl: string | undefined;
  /** Every method that is served. */
  readonly methods: readonly string[];
  readonly isReady: () => boolean;
  /** Of all messages since the process began. */
  readonly messageBytes: () => { readonly received: number; readonly sent: number };
  /** Undefined: the store is not open yet. */
  readonly figures: () => Promise<StoreFigures | undefined>;
}

/** Disposal sends the spans that are left, as far as that goes quickly. */
export interface Telemetry extends AsyncDisposable {
  readonly log: Logger;
  readonly onStart: (call: StartedCall) => CallSpan | undefined;
  readonly onCall: (call: EndedCall) => void;
  /** What Prometheus is answered with; nothing without {@link TelemetryOptions.hasMetrics}. */
  readonly scrape: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { version, hasMetrics, methods, isReady, messageBytes, figures, otlpTracesUrl } = options;
  let tracing: Tracing | undefined;
  const log = openLog(options.logLevel, () => tracing?.activeTraceId());
  const [metricsModule, tracingModule] = await Promise.all([
    hasMetrics ? import('./metrics.ts') : undefined,
    otlpTracesUrl === undefined ? undefined : import('./tracing.ts'),
  ]);
  const metrics = metricsModule?.openMetrics({
    version,
    methods,
    isReady,
    messageBytes,
    store: figures,
    onError: (error) => log.error({ err: error }, 'figures could not be collected'),
  });
  if (otlpTracesUrl !== undefined)
    tracing = tracingModule?.openTracing({
      url: otlpTracesUrl,
      version,
      warn: (message) => log.warn(message),
    });
  const logCall = callLogger(log);
  return {
    log,
    onStart: (call) => {
      metrics?.callStarted(call);
      return tracing?.begin(call);
    },
    onCall: (call) => {
      metrics?.callEnded(call);
      logCall(call);
    },
    scrape: async () => (await metrics?.scrape()) ?? { contentType: 'text/plain; charset=utf-8', body: '' },
    [Symbol.asyncDispose]: async () => {
      metrics?.[Symbol.dispose]();
      await tracing?.[Symbol.asyncDispose]();
    },
  };
}
