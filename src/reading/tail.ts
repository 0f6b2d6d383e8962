import { lineFeed } from './lines.ts';
import type { Source } from './source.ts';
import { characterEnd, lookAhead, textOf } from './utf8.ts';
import type { Reading, TailWindow } from './window.ts';

/** Where an answer goes on, towards the beginning. */
export interface TailPlace {
  /** After the last byte that is still wanted. */
  readonly end: number;
  /** How many lines begin in what is still wanted. */
  readonly left: number;
  /** The number of the line at `end`, where it is known. */
  readonly line?: number | undefined;
}

/**
 * Reads the last lines: as many whole ones as fit, or the end of one that does not. The next answer holds what comes
 * before, so that a long window is read from its end to its beginning.
 */
export async function readTail(
  source: Source,
  window: TailWindow,
  bytesMax: number,
  place: TailPlace = { end: source.size, left: window.lines },
): Promise<Reading<TailPlace>> {
  const { end } = place;
  const from = Math.max(0, end - bytesMax);
  // One byte before tells whether a line begins there, and three whether a character does.
  const bytesFrom = Math.max(0, from - lookAhead);
  const bytes = await source.range(bytesFrom, end);
  let start = end;
  let begun = 0;
  for (let at = end; begun < place.left && at > from; ) {
    // The line feed at the end of a line does not begin another.
    const found = at - bytesFrom >= 2 ? bytes.lastIndexOf(lineFeed, at - bytesFrom - 2) : -1;
    at = bytesFrom + found + 1;
    if (found < 0 && bytesFrom > 0) break;
    if (at < from) break;
    start = at;
    begun++;
  }
  if (begun === 0 && place.left > 0 && from < end) {
    // A character that began before is left for the next answer as a whole.
    const cut = characterEnd(bytes, from - bytesFrom) + bytesFrom;
    start = cut < from ? characterAfter(bytes, from - bytesFrom) + bytesFrom : from;
  }
  const piece = bytes.subarray(start - bytesFrom);
  const text = textOf(piece);
  const firstLine = await lineAt(source, start, end, piece, place);
  const isDone = start === 0 || begun === place.left;
  return {
    content: { text },
    startOffset: start,
    endOffset: end,
    ...(start < end && firstLine !== undefined ? { firstLine } : {}),
    next: isDone
      ? undefined
      : {
          end: start,
          left: place.left - begun,
          ...(firstLine === undefined ? {} : { line: firstLine }),
        },
  };
}

/** The end of the character that `at` is within. */
function characterAfter(bytes: Uint8Array, at: number): number {
  let after = at;
  while (after < bytes.length && (bytes[after]! & 0xc0) === 0x80) after++;
  return after;
}

/** The number of the line at `start`; undefined for contents that are too long to be counted. */
async function lineAt(source: Source, start: number, end: number, piece: Uint8Array, place: TailPlace) {
  if (place.line !== undefined) return place.line - lineFeeds(piece);
  if (source.size > source.bytesMax || end !== source.size) return undefined;
  let line = 1;
  for (let at = 0; at < start; ) {
    const bytes = (await source.from(at)).subarray(0, start - at);
    line += lineFeeds(bytes);
    at += bytes.length;
  }
  return line;
}

function lineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count++;
  return count;
}
