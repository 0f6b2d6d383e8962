/** Metrics of requests that arrived and are not processed yet, at each scrape. */
import type { Meter } from '@opentelemetry/api';

/** The figures of the count of received bytes. */
export interface ReceivingFigures {
  /** Bytes that arrived and are not processed yet. */
  readonly bytes: number;
  /** Connections that are not read from. */
  readonly stoppedCount: number;
  /** All requests that were ended to make room for others. */
  readonly endedCount: number;
}

/** Observes them. */
export function observeReceiving(meter: Meter, figures: () => ReceivingFigures): void {
  meter
    .createObservableGauge('artifacta_received_bytes', {
      description: 'Bytes of requests that arrived and are not processed yet.',
    })
    .addCallback((result) => result.observe(figures().bytes));
  meter
    .createObservableGauge('artifacta_stopped_connections', {
      description: 'Connections that the service does not read from until it has processed earlier bytes.',
    })
    .addCallback((result) => result.observe(figures().stoppedCount));
  meter
    .createObservableCounter('artifacta_ended_requests_total', {
      description: 'Requests that were ended to make room for others.',
    })
    .addCallback((result) => result.observe(figures().endedCount));
}
