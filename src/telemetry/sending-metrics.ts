/** What is measured of answers that wait to be sent, at each scrape. */
import type { Meter } from '@opentelemetry/api';

/** What the one budget of unsent bytes says of itself. */
export interface SendingFigures {
  /** Unsent, or admitted to be made. */
  readonly unsentBytes: number;
  /** Answers that hold some of these. */
  readonly answerCount: number;
  /** Answers that wait for room. */
  readonly waitingCount: number;
  /** Calls that have begun and whose answers are not sent. */
  readonly openCount: number;
  /** Answers that were ended, ever. */
  readonly endedCount: number;
  /** Calls that were refused since others waited already, ever. */
  readonly refusedCount: number;
}

/** Observes them. */
export function observeSending(meter: Meter, figures: () => SendingFigures): void {
  const gauge = (name: string, description: string, read: (now: SendingFigures) => number) =>
    meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(read(figures())));
  const counter = (name: string, description: string, read: (now: SendingFigures) => number) =>
    meter
      .createObservableCounter(name, { description })
      .addCallback((result) => result.observe(read(figures())));
  gauge('artifacta_unsent_bytes', 'Bytes of answers that wait to be sent.', (now) => now.unsentBytes);
  gauge(
    'artifacta_unsent_answers',
    'Answers that have bytes which wait to be sent.',
    (now) => now.answerCount,
  );
  gauge('artifacta_waiting_answers', 'Answers that wait for room to be made.', (now) => now.waitingCount);
  gauge(
    'artifacta_open_answers',
    'Calls and requests that are not answered in full.',
    (now) => now.openCount,
  );
  counter('artifacta_ended_answers_total', 'Answers that were ended for others.', (now) => now.endedCount);
  counter('artifacta_refused_answers_total', 'Answers that had no room.', (now) => now.refusedCount);
}
