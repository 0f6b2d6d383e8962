/** The telemetry of the service: logs, metrics and traces. Parts that are not asked for are not loaded. */
import type { Logger } from 'pino';
import type { EndedCall, StartedCall } from './call.ts';
import { callLogger, type LogForm, openLog } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ReceivingFigures } from './receiving-metrics.ts';
import type { SendingFigures } from './sending-metrics.ts';
import type { StoreFigures } from './store-metrics.ts';
import type { CallSpan, Tracing } from './tracing.ts';

/** The parts of telemetry to open, and the functions that they call for their figures. */
export interface TelemetryOptions {
  /** Of the software. */
  readonly version: string;
  readonly logLevel: string;
  readonly logForm: LogForm;
  /** True: metrics can be scraped. */
  readonly hasMetrics: boolean;
  /** Where spans are sent, by OTLP over HTTP. Undefined: no spans exist. */
  readonly otlpTracesUrl: string | undefined;
  /** Every method that is served. */
  readonly methods: readonly string[];
  readonly isReady: () => boolean;
  /** Of all messages since the process began. */
  readonly messageBytes: () => { readonly received: number; readonly sent: number };
  /** Of what waits to be sent. */
  readonly sending: () => SendingFigures;
  /** Figures about requests that arrived and are not processed yet. */
  readonly receiving: () => ReceivingFigures;
  /** Undefined: the store is not open yet. */
  readonly figures: () => Promise<StoreFigures | undefined>;
}

/** Disposal sends the remaining spans that can be sent quickly. */
export interface Telemetry extends AsyncDisposable {
  readonly log: Logger;
  /** Resolves when calls are counted and traced; no call may begin before. Loading takes a tenth of a second. */
  readonly loaded: Promise<void>;
  readonly onStart: (call: StartedCall) => CallSpan | undefined;
  readonly onCall: (call: EndedCall) => void;
  /** Returns the W3C header `traceparent` for what the present code asks others; undefined if calls are not traced. */
  readonly traceparent: () => string | undefined;
  /** The answer to Prometheus; empty without {@link TelemetryOptions.hasMetrics}. */
  readonly scrape: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Telemetry, with figures and traces if they are asked for. */
export function openTelemetry(options: TelemetryOptions): Telemetry {
  let tracing: Tracing | undefined;
  let metrics: Metrics | undefined;
  const log = openLog(options.logLevel, options.logForm, () => tracing?.activeTraceId());
  const logCall = callLogger(log);
  const loaded = load(options, log).then((parts) => {
    ({ tracing, metrics } = parts);
  });
  // Code that waits for it gets the error.
  loaded.catch(() => undefined);
  return {
    log,
    loaded,
    onStart: (call) => {
      metrics?.callStarted(call);
      return tracing?.begin(call);
    },
    onCall: (call) => {
      metrics?.callEnded(call);
      logCall(call);
    },
    traceparent: () => tracing?.traceparent(),
    scrape: async () => {
      await loaded;
      return (await metrics?.scrape()) ?? { contentType: 'text/plain; charset=utf-8', body: '' };
    },
    [Symbol.asyncDispose]: async () => {
      await loaded;
      metrics?.[Symbol.dispose]();
      await tracing?.[Symbol.asyncDispose]();
    },
  };
}

async function load(
  { version, hasMetrics, otlpTracesUrl, figures, ...told }: TelemetryOptions,
  log: Logger,
): Promise<{ metrics: Metrics | undefined; tracing: Tracing | undefined }> {
  const [metricsModule, tracingModule] = await Promise.all([
    hasMetrics ? import('./metrics.ts') : undefined,
    otlpTracesUrl === undefined ? undefined : import('./tracing.ts'),
  ]);
  return {
    metrics: metricsModule?.openMetrics({
      ...told,
      version,
      store: figures,
      onError: (error) => log.error({ err: error }, 'figures could not be collected'),
    }),
    tracing: tracingModule?.openTracing({
      url: otlpTracesUrl ?? '',
      version,
      warn: (message) => log.warn(message),
    }),
  };
}
