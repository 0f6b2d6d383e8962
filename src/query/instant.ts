/** Times as filters write them: RFC 3339, or relative to `now`. */

import { parseSpan } from '../domain/quantities.ts';

/** A million years: nothing is older, and sums stay exact. */
const spanMsMax = 1_000_000 * 366 * 86_400_000;

const relative = /^now(?:([+-])(.+))?$/;
const absolute = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Parses a time into milliseconds since the Unix epoch, with a fraction for finer times; undefined if the text is not a
 * time.
 *
 * @param now the value of `now`.
 */
export function parseInstant(text: string, now: number): number | undefined {
  const offset = relative.exec(text);
  if (offset !== null) {
    const [, sign, text = '0s'] = offset;
    const span = parseSpan(text);
    if (span === undefined) return undefined;
    return now + (sign === '-' ? -1 : 1) * Math.min(span, spanMsMax);
  }
  const parts = absolute.exec(text);
  return parts === null ? undefined : instantOf(parts);
}

function instantOf(parts: RegExpExecArray): number | undefined {
  const [, years, months, days, hours, minutes, seconds, fraction, sign, zoneHours, zoneMinutes] = parts;
  const [year, month, day, hour, minute] = [years, months, days, hours, minutes].map(Number);
  // A leap second counts as the last second before it, as POSIX time has it.
  const second = Math.min(Number(seconds), 59);
  if (hour! > 23 || minute! > 59 || Number(seconds) > 60) return undefined;
  if (Number(zoneHours ?? 0) > 23 || Number(zoneMinutes ?? 0) > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year!, month! - 1, day!);
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day!) return undefined;
  const zone = (sign === '-' ? 1 : -1) * (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * 60_000;
  const ofDay = hour! * 3_600_000 + minute! * 60_000 + second * 1_000;
  return date.getTime() + ofDay + zone + Number(fraction ?? 0) * 1_000;
}
