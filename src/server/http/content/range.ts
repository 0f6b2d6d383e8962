/** The Range header (RFC 9110, section 14). */

/** The part of a content that a request asks for. `last` is the offset of the last byte. */
export type Range =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' };

const whole: Range = { kind: 'whole' };
const unsatisfiable: Range = { kind: 'unsatisfiable' };

/**
 * Parses one range of bytes. A header that is something else, reversed or malformed, or asks for several ranges has no
 * effect. The RFC allows this: one answer with everything costs less than many parts, and no client can ask for a
 * thousand of them.
 */
export function parseRange(header: string | undefined, sizeBytes: number): Range {
  const [, from = '', to = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? [];
  if (from === '') return to === '' ? whole : suffix(Number(to), sizeBytes);
  // Numbers beyond 2^53 lose digits here, but they lie past every end anyway.
  const first = Number(from);
  const last = to === '' ? Number.POSITIVE_INFINITY : Number(to);
  if (last < first) return whole;
  if (first >= sizeBytes) return unsatisfiable;
  return { kind: 'part', first, last: Math.min(last, sizeBytes - 1) };
}

/**
 * Returns the range of the last bytes, at most as many as exist. For an empty content that is all of it, which no
 * Content-Range can express.
 */
function suffix(lengthBytes: number, sizeBytes: number): Range {
  if (lengthBytes === 0) return unsatisfiable;
  if (sizeBytes === 0) return whole;
  return { kind: 'part', first: Math.max(0, sizeBytes - lengthBytes), last: sizeBytes - 1 };
}
