/** Metrics of answers that wait to be sent, at each scrape. */
import type { Meter } from '@opentelemetry/api';

/** The figures of the count of unsent bytes. */
export interface SendingFigures {
  /** Bytes that are unsent, or admitted and not made yet. */
  readonly bytes: number;
  /** Answers with some of these bytes. */
  readonly answerCount: number;
  /** Answers that wait for memory. */
  readonly waitingCount: number;
  /** Calls that have begun and whose answers are not sent. */
  readonly openCount: number;
  /** All answers that were ended. */
  readonly endedCount: number;
  /** All calls that were refused because others waited already. */
  readonly refusedCount: number;
}

/** Adds the metrics. */
export function observeSending(meter: Meter, figures: () => SendingFigures): void {
  const gauge = (name: string, description: string, read: (now: SendingFigures) => number) =>
    meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(read(figures())));
  const counter = (name: string, description: string, read: (now: SendingFigures) => number) =>
    meter
      .createObservableCounter(name, { description })
      .addCallback((result) => result.observe(read(figures())));
  gauge('artifacta_unsent_bytes', 'Bytes of answers that wait to be sent.', (now) => now.bytes);
  gauge('artifacta_unsent_answers', 'Answers with bytes that wait to be sent.', (now) => now.answerCount);
  gauge('artifacta_waiting_answers', 'Answers that wait for memory.', (now) => now.waitingCount);
  gauge(
    'artifacta_open_answers',
    'Calls and requests whose answers are not complete.',
    (now) => now.openCount,
  );
  counter(
    'artifacta_ended_answers_total',
    'Answers that were ended to make room for others.',
    (now) => now.endedCount,
  );
  counter(
    'artifacta_refused_answers_total',
    'Answers that were refused for lack of memory.',
    (now) => now.refusedCount,
  );
}
