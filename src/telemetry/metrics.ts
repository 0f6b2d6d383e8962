/** The metrics of the process, for Prometheus. Names and labels are documented in docs/observability.md. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { emptyResource } from '@opentelemetry/resources';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { EndedCall, StartedCall } from './call.ts';
import { observeProcess } from './process-metrics.ts';
import { observeReceiving, type ReceivingFigures } from './receiving-metrics.ts';
import { RpcMetrics } from './rpc-metrics.ts';
import { observeSending, type SendingFigures } from './sending-metrics.ts';
import { observeStore, type StoreFigures } from './store-metrics.ts';

interface MetricsOptions {
  /** Of the software. */
  readonly version: string;
  /** All methods that exist, as in {@link StartedCall}; any other is counted as `other`. */
  readonly methods: readonly string[];
  /** True while the service accepts calls. */
  readonly isReady: () => boolean;
  /** Bytes of all messages since the process began. */
  readonly messageBytes: () => { readonly received: number; readonly sent: number };
  /** Figures about answers that wait to be sent. */
  readonly sending: () => SendingFigures;
  /** Figures about requests that arrived and are not processed yet. */
  readonly receiving: () => ReceivingFigures;
  /** The figures of the store, at a cost that does not grow with it. Undefined: none exist yet. */
  readonly store: () => Promise<StoreFigures | undefined>;
  /** Called with the error if figures are missing from a scrape. */
  readonly onError: (error: unknown) => void;
}

/** Counts calls, and shows the figures of the store. */
export interface Metrics extends Disposable {
  callStarted(call: Pick<StartedCall, 'method' | 'transport'>): void;
  callEnded(call: Pick<EndedCall, 'method' | 'transport' | 'outcome' | 'durationMs' | 'redirected'>): void;
  /** Returns the answer to Prometheus. Scrapes at the same time share one answer. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** A reader that is read, and reads nothing by itself. */
class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Opens the metrics. All figures begin at zero. */
export function openMetrics(options: MetricsOptions): Metrics {
  const reader = new Reader();
  const meter = new MeterProvider({ resource: emptyResource(), readers: [reader] }).getMeter('artifacta');
  const calls = new RpcMetrics(meter, options.methods);
  const { version } = options;
  meter
    .createObservableGauge('artifacta_build_info', { description: 'Always 1; the label says which version.' })
    .addCallback((result) => result.observe(1, { version }));
  meter
    .createObservableGauge('artifacta_ready', { description: '1 if the service takes calls, else 0.' })
    .addCallback((result) => result.observe(options.isReady() ? 1 : 0));
  meter
    .createObservableCounter('artifacta_grpc_received_bytes_total', {
      description: 'Bytes of messages that were received by gRPC.',
    })
    .addCallback((result) => result.observe(options.messageBytes().received));
  meter
    .createObservableCounter('artifacta_grpc_sent_bytes_total', {
      description: 'Bytes of messages that were sent by gRPC.',
    })
    .addCallback((result) => result.observe(options.messageBytes().sent));
  observeSending(meter, options.sending);
  observeReceiving(meter, options.receiving);
  const missing = observeStore(meter, options.store);
  const stopObserving = observeProcess(meter);
  // Neither the one target nor the one scope need naming in every line.
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  let underWay: Promise<string> | undefined;
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    // The others are wanted most when something is wrong.
    for (const error of errors) options.onError(error);
    const scopeMetrics = resourceMetrics.scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.filter(({ descriptor }) => !missing.has(descriptor.name)),
    }));
    return serializer.serialize({ ...resourceMetrics, scopeMetrics });
  };
  return {
    callStarted: (call) => calls.started(call),
    callEnded: (call) => calls.ended(call),
    scrape: async () => {
      underWay ??= collect().finally(() => {
        underWay = undefined;
      });
      return { contentType, body: await underWay };
    },
    [Symbol.dispose]: stopObserving,
  };
}
