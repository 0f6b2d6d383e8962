import { Failure } from '../domain/errors.ts';

/** Bytes that must be known around a position to tell whether it is within a character; units of UTF-16 stay whole. */
export const lookAhead = 4;

/**
 * Where a piece that ends at `at` must end so that it does not cut a character: there, or up to three bytes before.
 * What is not UTF-8 has no characters to be cut.
 *
 * @param bytes with {@link lookAhead} bytes after `at`, unless the content ends before.
 */
export function characterEnd(bytes: Uint8Array, at: number): number {
  const start = beginningBefore(bytes, at);
  return start !== undefined && isWhole(bytes, start) && sequenceEnd(bytes, start) > at ? start : at;
}

/** What lies on both sides of `at`: a character, or the beginning of one that is read as one U+FFFD. */
export function sequenceAround(
  bytes: Uint8Array,
  at: number,
): { readonly start: number; readonly end: number } | undefined {
  const start = beginningBefore(bytes, at);
  if (start === undefined) return undefined;
  const end = sequenceEnd(bytes, start);
  return end > at ? { start, end } : undefined;
}

/** Where the last sequence before `at` may begin. */
function beginningBefore(bytes: Uint8Array, at: number): number | undefined {
  for (let start = at - 1; start >= 0 && start >= at - lookAhead; start--)
    if ((bytes[start]! & 0xc0) !== 0x80) return start;
  return undefined;
}

/** Where the character ends that begins at `start`, or what is read as one U+FFFD (Unicode: a maximal subpart). */
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

/** True if a character begins at `start`. */
export function isWhole(bytes: Uint8Array, start: number): boolean {
  return sequenceEnd(bytes, start) - start === sequenceLength(bytes[start]!);
}

/** 0: no character begins so. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/** The content cannot be read in the way that was asked for. */
export function unsuitable(why: string): Failure {
  return new Failure('CONTENT_UNSUITABLE', `the content cannot be read in this way: ${why}`);
}
