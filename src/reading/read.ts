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

/** What is asked of one answer. */
interface ReadRequest {
  /** Of the answer; at least 4, so that a character fits. */
  readonly bytesMax: number;
  readonly contentType: string;
  /** What an earlier answer to the same window gave as `next`; undefined: from its start. */
  readonly place?: unknown;
}

/**
 * Reads one piece of a content.
 *
 * @throws Failure CONTENT_UNSUITABLE, INVALID_ARGUMENT for what is wrong with regard to this content.
 */
type Read = (source: Source, request: ReadRequest) => Promise<Reading<unknown>>;

/**
 * How a window is read. A place is only ever given to the window that it came from.
 *
 * @throws Failure INVALID_ARGUMENT naming `grep.pattern` or `json.pointer`.
 */
export function readerOf(window: Window): Read {
  switch (window.kind) {
    case 'bytes':
      return (source, { bytesMax, place }) =>
        readBytes(source, window, bytesMax, place as BytePlace | undefined);
    case 'lines':
    case 'head':
      return (source, { bytesMax, place }) =>
        readLines(source, window, bytesMax, place as LinePlace | undefined);
    case 'tail':
      return (source, { bytesMax, place }) =>
        readTail(source, window, bytesMax, place as TailPlace | undefined);
    case 'grep': {
      const pattern = new Pattern('grep.pattern', window.pattern, window);
      return (source, { bytesMax, place }) =>
        readGrep(source, window, pattern, bytesMax, place as GrepPlace | undefined);
    }
    case 'json': {
      const tokens = parsePointer('json.pointer', window.pointer);
      return (source, { bytesMax, place }) =>
        readJson(source, tokens, bytesMax, place as JsonPlace | undefined);
    }
    case 'csv':
      return (source, { bytesMax, contentType, place }) => {
        const delimiter = window.delimiter || delimiterOf(contentType);
        return readCsv(source, { ...window, delimiter }, bytesMax, place as CsvPlace | undefined);
      };
  }
}

/** What stands between the cells of a table of that type. */
function delimiterOf(contentType: string): string {
  return /^text\/tab-separated-values\s*(;|$)/.test(contentType) ? '\t' : ',';
}
