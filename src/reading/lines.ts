import type { Buffer } from 'node:buffer';
import type { Source } from './source.ts';
import { characterEnd, lookAhead, textOf } from './utf8.ts';
import type { LineWindow, Reading } from './window.ts';

/** What ends a line; a carriage return before it belongs to the end. */
export const lineFeed = 0x0a;

/** Where an answer goes on. */
export interface LinePlace {
  /** At the beginning of a line, or within it. */
  readonly at: number;
  /** The number of that line. */
  readonly line: number;
  /** How many lines are still wanted, that one included; undefined for all. */
  readonly left?: number | undefined;
}

/** Reads from a line on: as many whole lines as fit, or a part of one that does not fit. */
export async function readLines(
  source: Source,
  { first, count }: LineWindow,
  bytesMax: number,
  place: LinePlace = { at: 0, line: 1, left: count },
): Promise<Reading<LinePlace>> {
  const found = place.line < first ? await seek(source, first, place) : place;
  const { at, line } = found;
  if (line < first || at >= source.size)
    return {
      content: { text: '' },
      startOffset: at,
      endOffset: at,
      next: at < source.size ? found : undefined,
    };
  const bytes = await source.range(at, at + bytesMax + lookAhead);
  const left = found.left ?? Number.POSITIVE_INFINITY;
  const { length, ended } = wholeLines(bytes, Math.min(bytesMax, bytes.length), left);
  const fits = length === bytes.length || ended === left;
  const end = at + (fits || ended > 0 ? length : characterEnd(bytes, bytesMax));
  const isDone = ended === left || end === source.size;
  return {
    content: { text: textOf(bytes.subarray(0, end - at)) },
    startOffset: at,
    endOffset: end,
    ...(end > at ? { firstLine: line } : {}),
    next: isDone
      ? undefined
      : {
          at: end,
          line: line + ended,
          ...(found.left === undefined ? {} : { left: found.left - ended }),
        },
  };
}

/**
 * How far whole lines go within `limit` bytes, and how many there are, at most `count`. Where all bytes are within the
 * limit the content ends with them, and its last line needs no end.
 */
function wholeLines(bytes: Buffer, limit: number, count: number): { length: number; ended: number } {
  let length = 0;
  let ended = 0;
  while (ended < count) {
    const at = bytes.indexOf(lineFeed, length);
    if (at < 0 || at >= limit) return { length: limit === bytes.length ? limit : length, ended };
    length = at + 1;
    ended++;
  }
  return { length, ended };
}

/** The beginning of a line; the end of the content if there is none; or how far it came. */
async function seek(source: Source, first: number, place: LinePlace): Promise<LinePlace> {
  let { at, line } = place;
  while (at < source.size) {
    const bytes = await source.from(at);
    let next = 0;
    while (line < first) {
      const found = bytes.indexOf(lineFeed, next);
      next = found < 0 ? bytes.length : found + 1;
      if (found < 0) break;
      line++;
    }
    at += next;
    if (line === first || source.spent) break;
  }
  return { ...place, at, line };
}
