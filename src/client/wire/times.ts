import { durationFromMs, durationMs, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** Undefined where the message has none. Precise to the millisecond. */
export function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp === undefined ? undefined : timestampDate(timestamp);
}

/** A duration message of so many milliseconds. */
export const durationOf = durationFromMs;

/** Milliseconds of a duration message. */
export const durationMilliseconds = durationMs;
