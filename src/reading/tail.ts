import type { Buffer } from 'node:buffer';
import type { Encoding } from './encoding.ts';
import type { Source } from './source.ts';
import { lookAhead } from './utf8.ts';
import type { Reading, TailWindow } from './window.ts';

/** The place where an answer continues, towards the beginning. */
export interface TailPlace {
  /** The offset after the last byte that is still wanted. */
  readonly end: number;
  /** The number of lines that begin in the part that is still wanted. */
  readonly left: number;
  /** The number of the line at `end`, if known. */
  readonly line?: number | undefined;
  /** Whether `end` lies within a line that was malformed and has been counted. */
  readonly counted?: boolean | undefined;
}

/**
 * Reads the last lines: as many whole ones as fit, or the end of one that does not. The next answer has the lines
 * before, so a long window is read from its end to its beginning.
 */
export async function readTail(
  source: Source,
  encoding: Encoding,
  window: TailWindow,
  bytesMax: number,
  place: TailPlace = { end: source.size, left: window.lines },
): Promise<Reading<TailPlace>> {
  const { end } = place;
  const { start, begun } = await beginning(source, encoding, bytesMax, place);
  const piece = await source.range(start, end);
  const firstLine = await lineAt(source, encoding, start, end, piece, place);
  const isDone = start <= encoding.start || begun === place.left;
  const malformed = encoding.malformedLines(piece);
  const again = place.counted && encoding.isMalformed(lastLine(encoding, piece)) ? 1 : 0;
  const isWithin = begun === 0 && (malformed > 0 || place.counted === true);
  return {
    content: { text: encoding.text(piece) },
    startOffset: start,
    endOffset: end,
    ...(start < end && firstLine !== undefined ? { firstLine } : {}),
    malformedLines: malformed - again,
    next: isDone
      ? undefined
      : {
          end: start,
          left: place.left - begun,
          ...(firstLine === undefined ? {} : { line: firstLine }),
          ...(isWithin ? { counted: true } : {}),
        },
  };
}

/** Returns where the piece that ends at the place begins, and how many lines begin in it; none in a part of one. */
async function beginning(
  source: Source,
  encoding: Encoding,
  bytesMax: number,
  { end, left }: TailPlace,
): Promise<{ readonly start: number; readonly begun: number }> {
  const parity = (end - encoding.start) % encoding.unitBytes;
  const from = Math.max(encoding.start, end - bytesMax * encoding.unitBytes - parity);
  // The bytes before decide whether a line begins there, and whether a character does.
  const bytesFrom = Math.max(encoding.start, from - lookAhead);
  const bytes = await source.range(bytesFrom, end);
  const lines = lastLines(encoding, bytes, from - bytesFrom, bytesFrom === encoding.start, left);
  const whole = bytes.subarray(lines.at(-1) ?? encoding.cutAfter(bytes, from - bytesFrom));
  const start = end - encoding.fittingEnd(whole, bytesMax);
  return { start, begun: lines.filter((line) => bytesFrom + line >= start).length };
}

/** Returns where the last lines begin in `bytes`, from the last one on: at most this number, and none before `from`. */
function lastLines(
  encoding: Encoding,
  bytes: Buffer,
  from: number,
  isBeginning: boolean,
  count: number,
): readonly number[] {
  const lines: number[] = [];
  // The line feed at the end of a line does not begin another.
  let before = bytes.length - (encoding.endsLine(bytes) ? encoding.unitBytes : 0);
  while (lines.length < count && before >= 0 && bytes.length > 0) {
    const found = encoding.lastLineEnd(bytes, before);
    const start = found < 0 && isBeginning ? 0 : found;
    if (start < from || found === bytes.length) break;
    lines.push(start);
    before = found < 0 ? -1 : start - encoding.unitBytes;
  }
  return lines;
}

function lastLine(encoding: Encoding, bytes: Buffer): Buffer {
  const before = bytes.length - (encoding.endsLine(bytes) ? encoding.unitBytes : 0);
  return bytes.subarray(Math.max(0, encoding.lastLineEnd(bytes, before)));
}

/** Returns the number of the line at `start`; undefined for contents that are too long to count. */
async function lineAt(
  source: Source,
  encoding: Encoding,
  start: number,
  end: number,
  piece: Buffer,
  place: TailPlace,
): Promise<number | undefined> {
  if (place.line !== undefined) return place.line - encoding.lineFeeds(piece);
  if (source.size > source.bytesMax || end !== source.size) return undefined;
  let line = 1;
  for (let at = encoding.start; at < start; ) {
    const bytes = (await source.from(at)).subarray(0, start - at);
    line += encoding.lineFeeds(bytes);
    at += bytes.length;
  }
  return line;
}
