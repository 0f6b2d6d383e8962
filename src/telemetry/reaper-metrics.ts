/** The figures of `artifacta reap`, for Prometheus. Names and labels are documented in docs/observability.md. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { emptyResource } from '@opentelemetry/resources';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

/** What a pass came to; bytes are bytes, everything else is counted. */
interface PassFigures {
  readonly durationMs: number;
  readonly failed: readonly string[];
  readonly pauses: number;
  readonly artifacts: number;
  readonly sessions: number;
  readonly lapsed: number;
  readonly others: number;
  readonly condemned: number;
  readonly removed: number;
  readonly removedBytes: number;
  readonly orphans: number;
  readonly scrubbedBytes: number;
  readonly damaged: number;
  readonly exports: number;
}

/** Counts what passes of the reaper have done. */
export interface ReaperMetrics {
  passed(figures: PassFigures): void;
  /** What Prometheus is answered with. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
}

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const counters = {
  artifacts: ['artifacta_reaper_artifacts_total', 'Artifacts that were removed because they had expired.'],
  sessions: ['artifacta_reaper_sessions_total', 'Sessions that were removed.'],
  lapsed: [
    'artifacta_reaper_lapsed_sessions_total',
    'Sessions that were sealed because their lease had lapsed.',
  ],
  others: ['artifacta_reaper_others_total', 'Share links, request ids and the like that were removed.'],
  condemned: [
    'artifacta_reaper_condemned_contents_total',
    'Contents without references that were queued for removal and cannot be read any more.',
  ],
  removed: ['artifacta_reaper_removed_objects_total', 'Files of contents that were removed from storage.'],
  removedBytes: [
    'artifacta_reaper_removed_bytes_total',
    'Bytes of the files of contents that were removed from storage.',
  ],
  orphans: [
    'artifacta_reaper_orphans_total',
    'Files of contents that no record refers to and that were queued for removal.',
  ],
  scrubbedBytes: ['artifacta_reaper_scrubbed_bytes_total', 'Bytes of contents that were checked.'],
  damaged: ['artifacta_reaper_damaged_contents_total', 'Contents that were found damaged.'],
  exports: ['artifacta_reaper_exports_total', 'Exports of the index that were written.'],
} as const;

/** @param now seconds since the Unix epoch. */
export function openReaperMetrics(version: string, now: () => number): ReaperMetrics {
  const reader = new Reader();
  const meter = new MeterProvider({ resource: emptyResource(), readers: [reader] }).getMeter('artifacta');
  meter
    .createObservableGauge('artifacta_build_info', { description: 'Always 1; the label says which version.' })
    .addCallback((result) => result.observe(1, { version }));
  const passes = meter.createCounter('artifacta_reaper_passes_total', {
    description: 'Passes that have ended.',
  });
  const failures = meter.createCounter('artifacta_reaper_failures_total', {
    description: 'Parts of passes that failed, by their task.',
  });
  let pauses = 0;
  let lastMs = 0;
  let lastSuccess: number | undefined;
  meter
    .createObservableGauge('artifacta_reaper_pauses', {
      description: 'Reasons why maintenance was paused, as the last pass found them.',
    })
    .addCallback((result) => result.observe(pauses));
  meter
    .createObservableGauge('artifacta_reaper_last_pass_seconds', {
      description: 'How long the last pass took.',
    })
    .addCallback((result) => result.observe(lastMs / 1_000));
  meter
    .createObservableGauge('artifacta_reaper_last_success_timestamp_seconds', {
      description: 'When a pass last ended without a failure, in seconds since the Unix epoch.',
    })
    .addCallback((result) => {
      if (lastSuccess !== undefined) result.observe(lastSuccess);
    });
  const freed = Object.entries(counters).map(([name, [metric, description]]) => {
    const counter = meter.createCounter(metric, { description });
    // So that it exists before the first.
    counter.add(0);
    return [name as keyof typeof counters, counter] as const;
  });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return {
    passed: (figures) => {
      passes.add(1);
      for (const what of figures.failed) failures.add(1, { work: what });
      for (const [name, counter] of freed) counter.add(figures[name]);
      ({ pauses, durationMs: lastMs } = figures);
      if (figures.failed.length === 0) lastSuccess = now();
    },
    scrape: async () => ({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: serializer.serialize((await reader.collect()).resourceMetrics),
    }),
  };
}
