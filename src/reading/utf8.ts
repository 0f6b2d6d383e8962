import { Failure } from '../domain/errors.ts';

/** The number of bytes around a position that decide whether it is within a character; units of UTF-16 stay whole. */
export const lookAhead = 4;

/**
 * Returns where a piece that ends at `at` must end so that it does not cut a character: there, or up to three bytes
 * before. Bytes that are not UTF-8 have no characters to cut.
 *
 * @param bytes with {@link lookAhead} bytes after `at`, unless the content ends before.
 */
export function characterEnd(bytes: Uint8Array, at: number): number {
  const start = beginningBefore(bytes, at);
  return start !== undefined && isWhole(bytes, start) && sequenceEnd(bytes, start) > at ? start : at;
}

/** Returns the sequence on both sides of `at`: a character, or the beginning of one that is read as one U+FFFD. */
export function sequenceAround(
  bytes: Uint8Array,
  at: number,
): { readonly start: number; readonly end: number } | undefined {
  const start = beginningBefore(bytes, at);
  if (start === undefined) return undefined;
  const end = sequenceEnd(bytes, start);
  return end > at ? { start, end } : undefined;
}

/** Returns where the last sequence before `at` may begin. */
function beginningBefore(bytes: Uint8Array, at: number): number | undefined {
  for (let start = at - 1; start >= 0 && start >= at - lookAhead; start--)
    if ((bytes[start]! & 0xc0) !== 0x80) return start;
  return undefined;
}

/**
 * Returns where the character that begins at `start` ends, or the bytes that are read as one U+FFFD (Unicode: a maximal
 * subpart).
 */
export function sequenceEnd(bytes: Uint8Array, start: number): number {
  const lead = bytes[start]!;
  let lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  let highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  let end = start + 1;
  for (const last = start + sequenceLength(lead); end < last; end++) {
    const byte = bytes[end];
    if (byte === undefined || byte < lowest || byte > highest) break;
    lowest = 0x80;
    highest = 0xbf;
  }
  return end;
}

/** Returns true if a character begins at `start`. */
export function isWhole(bytes: Uint8Array, start: number): boolean {
  return sequenceEnd(bytes, start) - start === sequenceLength(bytes[start]!);
}

/** Returns the length of a sequence. 0: no character begins with this byte. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/** Returns the failure for content that cannot be read in the requested way. */
export function unsuitable(why: string): Failure {
  return new Failure('CONTENT_UNSUITABLE', `cannot read the content in this way: ${why}`);
}
