/**
 * A span for each call, sent to an OpenTelemetry collector. Nothing is registered globally, so that no library makes
 * spans of its own, which could contain data of callers.
 */
import {
  type Context,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterAwaitedTime } from '../domain/timer.ts';
import { alarming, type Outcome, type StartedCall } from './call.ts';

interface TracingOptions {
  /** The URL that spans are posted to as OTLP protobuf. */
  readonly url: string;
  /** Of the software. */
  readonly version: string;
  /** Called when spans begin to get lost, and when they no longer do. */
  readonly warn: (message: string) => void;
}

/** The span of one call. */
export interface CallSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Runs work during which {@link Tracing.activeTraceId} is the id of this span. */
  run<T>(work: () => T): T;
  end(outcome: Outcome): void;
}

/** Disposal sends the remaining spans, for at most {@link flushMs}. */
export interface Tracing extends AsyncDisposable {
  /**
   * Begins a span: a child of the span in the W3C headers `traceparent` and `tracestate`, and sampled if that one is.
   */
  begin(call: StartedCall): CallSpan;
  /** Returns the trace id of the call that the present code runs for. */
  activeTraceId(): string | undefined;
  /** Returns the W3C header `traceparent` for what the present code asks others. */
  traceparent(): string | undefined;
}

/** The time that the last spans may take, in milliseconds: a collector that is away must not delay the end. */
const flushMs = 3_000;
const exportMs = 10_000;

const headersGetter: TextMapGetter<Headers> = {
  get: (headers, key) => headers.get(key) ?? undefined,
  keys: (headers) => [...headers.keys()],
};

/** Spans of calls, sent to the collector at `url`. */
export function openTracing({ url, version, warn }: TracingOptions): Tracing {
  const resource = resourceFromAttributes({ 'service.name': 'artifacta', 'service.version': version });
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: exportMs });
  const provider = new TracerProvider({
    // What the standard OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes first.
    resource: resource.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter: new ReportingExporter(exporter, warn) })],
  });
  const tracer = provider.getTracer('artifacta', version);
  const contexts = new AsyncLocalStorageContextManager().enable();
  const propagator = new W3CTraceContextPropagator();
  return {
    begin: ({ method, transport, protocol, headers }) => {
      const parent = propagator.extract(ROOT_CONTEXT, headers, headersGetter);
      const [service = '', name = ''] = method.split('/');
      const span = tracer.startSpan(
        method,
        {
          kind: SpanKind.SERVER,
          attributes: {
            'rpc.system': protocol === 'grpc' ? 'grpc' : 'connect_rpc',
            'rpc.service': service,
            'rpc.method': name,
            'artifacta.transport': transport,
          },
        },
        parent,
      );
      const context: Context = trace.setSpan(parent, span);
      return {
        traceId: span.spanContext().traceId,
        run: (work) => contexts.with(context, work),
        end: (outcome) => {
          if (outcome !== 'OK') span.setAttribute('error.type', outcome);
          if (alarming.has(outcome)) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    activeTraceId: () => trace.getSpan(contexts.active())?.spanContext().traceId,
    traceparent: () => {
      const carrier: { traceparent?: string } = {};
      propagator.inject(contexts.active(), carrier, defaultTextMapSetter);
      return carrier.traceparent;
    },
    [Symbol.asyncDispose]: async () => {
      const late = Promise.withResolvers<void>();
      const cancel = afterAwaitedTime(flushMs, late.resolve);
      await Promise.race([provider.shutdown().catch(() => undefined), late.promise]);
      cancel();
      contexts.disable();
    },
  };
}

/** Warns once that spans are lost, until one arrives again. */
class ReportingExporter implements SpanExporter {
  private readonly inner: SpanExporter;
  private readonly warn: (message: string) => void;
  private fails = false;

  constructor(inner: SpanExporter, warn: (message: string) => void) {
    this.inner = inner;
    this.warn = warn;
  }

  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    this.inner.export(spans, (result) => {
      const fails = result.code === ExportResultCode.FAILED;
      if (fails && !this.fails) this.warn(`spans cannot be sent and are lost: ${whyNot(result.error)}`);
      if (!fails && this.fails) this.warn('spans are sent again');
      this.fails = fails;
      callback(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.inner.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }
}

/** Returns the reason, without the URL, which may contain a password, and without the collector's answer. */
function whyNot(error: (Error & { code?: unknown }) | undefined): string {
  const { code } = error ?? {};
  return typeof code === 'string' || typeof code === 'number' ? String(code) : (error?.name ?? 'unknown');
}
