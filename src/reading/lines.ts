import type { Encoding } from './encoding.ts';
import type { Source } from './source.ts';
import { lookAhead } from './utf8.ts';
import type { LineWindow, Reading } from './window.ts';

/** The place where an answer continues. */
export interface LinePlace {
  /** An offset at the beginning of a line, or within it. */
  readonly at: number;
  /** The number of that line. */
  readonly line: number;
  /** The number of lines that are still wanted, including that one; undefined for all. */
  readonly left?: number | undefined;
  /** Whether `at` lies within a line that was malformed and has been counted. */
  readonly counted?: boolean | undefined;
}

/** Reads from a line on: as many whole lines as fit, or a part of one that does not fit. */
export async function readLines(
  source: Source,
  encoding: Encoding,
  { first, count }: LineWindow,
  bytesMax: number,
  place: LinePlace = { at: encoding.start, line: 1, left: count },
): Promise<Reading<LinePlace>> {
  const found = place.line < first ? await seek(source, encoding, first, place) : place;
  const { at, line } = found;
  if (line < first || at >= source.size)
    return {
      content: { text: '' },
      startOffset: at,
      endOffset: at,
      malformedLines: 0,
      next: at < source.size ? found : undefined,
    };
  const bytes = await source.range(at, at + bytesMax * encoding.unitBytes + lookAhead);
  const left = found.left ?? Number.POSITIVE_INFINITY;
  const fitting = left === 0 ? 0 : encoding.fitting(bytes, bytesMax);
  const { length, ended } = encoding.firstLines(bytes.subarray(0, fitting), left);
  const end = at + (ended === left || (ended > 0 && at + fitting < source.size) ? length : fitting);
  const piece = bytes.subarray(0, end - at);
  const shown = encoding.countMalformed(piece, found.counted === true);
  return {
    content: { text: encoding.text(piece) },
    startOffset: at,
    endOffset: end,
    ...(end > at ? { firstLine: line } : {}),
    malformedLines: shown.lines,
    next:
      ended === left || end === source.size
        ? undefined
        : {
            at: end,
            line: line + ended,
            ...(found.left === undefined ? {} : { left: found.left - ended }),
            ...(shown.goesOn ? { counted: true } : {}),
          },
  };
}

/** Returns the beginning of a line; the end of the content if the line does not exist; or how far the search came. */
async function seek(source: Source, encoding: Encoding, first: number, place: LinePlace): Promise<LinePlace> {
  let { at, line } = place;
  while (at < source.size) {
    const bytes = await source.from(at);
    const passed = encoding.firstLines(bytes, first - line);
    line += passed.ended;
    at += line === first ? passed.length : bytes.length;
    if (line === first || source.isSpent) break;
  }
  return { ...place, at, line };
}
