/**
 * Times in a JSON message that do not exist, and durations that continue after their unit. The library makes 2 March of
 * 30 February, and the next day of 24:00; the protocol says that they are not times (RFC 3339, 5.7).
 */
import { Buffer } from 'node:buffer';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { invalid } from '../../domain/errors.ts';

/** The beginning of the text of such a time or duration. It is so rare that the message is then scanned once more. */
const suspect =
  /"\d{4}-(?:02-(?:29|30|31)|(?:04|06|09|11)-31)[Tt]|"\d{4}-\d\d-\d\d[Tt]24|"-?\d{1,20}(?:\.\d{1,20})?s[^"]/;

/** The rule for a time. */
export const mustBeTime = 'must be a valid time in the format of RFC 3339, e.g. 2027-02-28T12:00:00Z';
/** The rule for a duration. */
export const mustBeDuration =
  'must be seconds with at most nine digits after the point and an "s" at the end, e.g. "3.5s"';

/**
 * Refuses a message with such a time or duration. Bytes that are not JSON are left for the parser to refuse.
 *
 * @throws Failure INVALID_ARGUMENT that names the field.
 */
export function requireTimes(desc: DescMessage, bytes: Uint8Array): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (!suspect.test(text)) return;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  look(desc, value, '');
}

function look(desc: DescMessage, value: unknown, within: string): void {
  if (typeof value !== 'object' || value === null) return;
  for (const field of desc.fields) {
    const found =
      (value as Record<string, unknown>)[field.jsonName] ?? (value as Record<string, unknown>)[field.name];
    const message = messageOf(field);
    if (found === undefined || message === undefined) continue;
    const isMany = field.fieldKind !== 'message' && typeof found === 'object' && found !== null;
    for (const one of isMany ? Object.values(found) : [found]) {
      const path = `${within}${field.name}`;
      if (message.typeName === DurationSchema.typeName) requireDuration(path, one);
      else if (message.typeName !== TimestampSchema.typeName) look(message, one, `${path}.`);
      else if (typeof one === 'string' && !exists(one)) throw invalid(path, mustBeTime);
    }
  }
}

function messageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind === 'message') return field.message;
  if (field.fieldKind === 'list' && field.listKind === 'message') return field.message;
  return field.fieldKind === 'map' && field.mapKind === 'message' ? field.message : undefined;
}

function exists(text: string): boolean {
  const [, year, month, day, hour] = (/^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d)/.exec(text) ?? []).map(Number);
  // The library refuses a text that does not have the form of a time.
  if (year === undefined || month === undefined || day === undefined || hour === undefined) return true;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24;
}

function requireDuration(path: string, value: unknown): void {
  if (typeof value === 'string' && !/s$/.test(value)) throw invalid(path, mustBeDuration);
}
