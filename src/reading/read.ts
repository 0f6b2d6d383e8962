import { type BytePlace, readBytes } from './bytes.ts';
import { type CsvPlace, readCsv } from './csv.ts';
import { type GrepPlace, readGrep } from './grep.ts';
import { type JsonPlace, readJson } from './json.ts';
import { parsePointer } from './json-pointer.ts';
import { type LinePlace, readLines } from './lines.ts';
import { Pattern } from './pattern.ts';
import type { Source } from './source.ts';
import { readTail, type TailPlace } from './tail.ts';
import type { Reading, Window } from './window.ts';

/**
 * Reads one piece of a content.
 *
 * @param bytesMax of the answer; at least 4, so that a character fits.
 * @param place what an earlier answer to the same window gave as `next`; undefined: from its start.
 * @throws Failure CONTENT_UNSUITABLE, INVALID_ARGUMENT for what is wrong with regard to this content.
 */
export type Read = (source: Source, bytesMax: number, place?: unknown) => Promise<Reading<unknown>>;

/**
 * How a window is read. A place is only ever given to the window that it came from.
 *
 * @throws Failure INVALID_ARGUMENT naming `grep.pattern` or `json.pointer`.
 */
export function readerOf(window: Window): Read {
  switch (window.kind) {
    case 'bytes':
      return (source, max, place) => readBytes(source, window, max, place as BytePlace | undefined);
    case 'lines':
    case 'head':
      return (source, max, place) => readLines(source, window, max, place as LinePlace | undefined);
    case 'tail':
      return (source, max, place) => readTail(source, window, max, place as TailPlace | undefined);
    case 'grep': {
      const pattern = new Pattern('grep.pattern', window.pattern, window);
      return (source, max, place) => readGrep(source, window, pattern, max, place as GrepPlace | undefined);
    }
    case 'json': {
      const tokens = parsePointer('json.pointer', window.pointer);
      return (source, max, place) => readJson(source, tokens, max, place as JsonPlace | undefined);
    }
    case 'csv':
      return (source, max, place) => readCsv(source, window, max, place as CsvPlace | undefined);
  }
}
