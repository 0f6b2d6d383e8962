/** The Range header (RFC 9110, section 14). */

/** What part of a content is asked for. `last` is the offset of the last byte. */
export type Range =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' };

const whole: Range = { kind: 'whole' };
const unsatisfiable: Range = { kind: 'unsatisfiable' };

/**
 * One range of bytes. What is not that, is reversed or malformed, or asks for several ranges is as if the header were
 * not there, which the RFC allows: one answer with everything costs less than many parts, and nobody can ask for a
 * thousand of them.
 */
export function parseRange(header: string | undefined, sizeBytes: number): Range {
  const [, from = '', to = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? [];
  if (from === '') return to === '' ? whole : suffix(Number(to), sizeBytes);
  // Numbers beyond 2^53 lose digits here, and lie past every end all the same.
  const first = Number(from);
  const last = to === '' ? Number.POSITIVE_INFINITY : Number(to);
  if (last < first) return whole;
  if (first >= sizeBytes) return unsatisfiable;
  return { kind: 'part', first, last: Math.min(last, sizeBytes - 1) };
}

/** The last bytes, as many as there are. Of an empty content that is all of it, which no Content-Range can express. */
function suffix(lengthBytes: number, sizeBytes: number): Range {
  if (lengthBytes === 0) return unsatisfiable;
  if (sizeBytes === 0) return whole;
  return { kind: 'part', first: Math.max(0, sizeBytes - lengthBytes), last: sizeBytes - 1 };
}
