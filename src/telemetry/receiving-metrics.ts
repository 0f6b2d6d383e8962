/** What is measured of requests that came and are not dealt with, at each scrape. */
import type { Meter } from '@opentelemetry/api';

/** What the count of received bytes says of itself. */
export interface ReceivingFigures {
  /** That have come and are not dealt with. */
  readonly bytes: number;
  /** Connections that are not read from. */
  readonly stoppedCount: number;
  /** Requests that were ended for the room of others, ever. */
  readonly endedCount: number;
}

/** Observes them. */
export function observeReceiving(meter: Meter, figures: () => ReceivingFigures): void {
  meter
    .createObservableGauge('artifacta_received_bytes', {
      description: 'Bytes of requests that came and are not dealt with.',
    })
    .addCallback((result) => result.observe(figures().bytes));
  meter
    .createObservableGauge('artifacta_stopped_connections', {
      description: 'Connections that are not read from.',
    })
    .addCallback((result) => result.observe(figures().stoppedCount));
  meter
    .createObservableCounter('artifacta_ended_requests_total', {
      description: 'Requests that were ended for others.',
    })
    .addCallback((result) => result.observe(figures().endedCount));
}
