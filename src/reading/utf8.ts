import { type Buffer, isUtf8 } from 'node:buffer';
import { Failure } from '../domain/errors.ts';

/** Bytes that must be known after a position to tell whether it is within a character. */
export const lookAhead = 3;

/**
 * Where a piece that ends at `at` must end so that it does not cut a character: there, or up to three bytes before.
 * What is not UTF-8 has no characters to be cut.
 *
 * @param bytes with {@link lookAhead} bytes after `at`, unless the content ends before.
 */
export function characterEnd(bytes: Uint8Array, at: number): number {
  for (let start = at - 1; start >= 0 && start >= at - lookAhead; start--) {
    const lead = bytes[start]!;
    if ((lead & 0xc0) === 0x80) continue;
    const end = start + sequenceLength(lead);
    return end > at && end <= bytes.length && isUtf8(bytes.subarray(start, end)) ? start : at;
  }
  return at;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}

/** Text as it is, a byte order mark included. @throws Failure CONTENT_UNSUITABLE if it is not UTF-8. */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw unsuitable('it is not UTF-8 text; read it as bytes');
  return bytes.toString('utf8');
}

/** The content cannot be read in the way that was asked for. */
export function unsuitable(why: string): Failure {
  return new Failure('CONTENT_UNSUITABLE', `the content cannot be read in this way: ${why}`);
}
