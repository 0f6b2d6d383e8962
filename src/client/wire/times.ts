import { durationFromMs, durationMs, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** Returns a date, precise to the millisecond. Undefined if the message has none. */
export function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp === undefined ? undefined : timestampDate(timestamp);
}

/** Returns a duration message of this number of milliseconds. */
export const durationOf = durationFromMs;

/** Returns the milliseconds of a duration message. */
export const durationMilliseconds = durationMs;
