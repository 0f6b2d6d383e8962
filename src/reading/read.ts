import { type BytePlace, readBytes } from './bytes.ts';
import { type CsvPlace, readCsv } from './csv.ts';
import { Encoding, type EncodingName, encodingOf } from './encoding.ts';
import { type GrepPlace, readGrep } from './grep.ts';
import { type JsonPlace, readJson } from './json.ts';
import { parsePointer } from './json-pointer.ts';
import { type LinePlace, readLines } from './lines.ts';
import { Pattern } from './pattern.ts';
import type { Source } from './source.ts';
import { readTail, type TailPlace } from './tail.ts';
import type { Reading, Window } from './window.ts';

/** The request for one answer. */
interface ReadRequest {
  /** The limit for the answer; at least 4, so that a character fits. */
  readonly bytesMax: number;
  readonly contentType: string;
  /** The `next` of an earlier answer to the same window; undefined: from its start. */
  readonly place?: unknown;
}

/**
 * Reads one piece of a content.
 *
 * @throws Failure CONTENT_UNSUITABLE, INVALID_ARGUMENT for faults with regard to this content.
 */
type Read = (source: Source, request: ReadRequest) => Promise<Reading<unknown>>;

/**
 * Returns the reader of a window. A place is only ever passed to the window that it came from.
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
      return textReader<LinePlace>((source, encoding, { bytesMax }, place) =>
        readLines(source, encoding, window, bytesMax, place),
      );
    case 'tail':
      return textReader<TailPlace>((source, encoding, { bytesMax }, place) =>
        readTail(source, encoding, window, bytesMax, place),
      );
    case 'grep': {
      const pattern = new Pattern('grep.pattern', window.pattern, window);
      return textReader<GrepPlace>((source, encoding, { bytesMax }, place) =>
        readGrep(source, encoding, window, pattern, bytesMax, place),
      );
    }
    case 'json': {
      const tokens = parsePointer('json.pointer', window.pointer);
      return textReader<JsonPlace>((source, encoding, { bytesMax }, place) =>
        readJson(source, encoding, tokens, bytesMax, place),
      );
    }
    case 'csv':
      return textReader<CsvPlace>((source, encoding, { bytesMax, contentType }, place) => {
        const delimiter = window.delimiter || delimiterOf(contentType);
        return readCsv(source, encoding, { ...window, delimiter }, bytesMax, place);
      });
  }
}

/** The place where an answer continues, and the encoding of its text. */
interface TextPlace {
  readonly encoding: EncodingName;
}

/**
 * Returns the reader of a window of text, which is every window but that of bytes. The beginning of the content decides
 * how its text is read.
 */
function textReader<Place>(
  read: (source: Source, encoding: Encoding, request: ReadRequest, place?: Place) => Promise<Reading<Place>>,
): Read {
  return async (source, request) => {
    const place = request.place as (Place & TextPlace) | undefined;
    const encoding = place === undefined ? await encodingOf(source) : new Encoding(place.encoding);
    const { next, ...reading } = await read(source, encoding, request, place);
    return { ...reading, next: next && { ...next, encoding: encoding.name } };
  };
}

/** Returns the delimiter of a table of that type; empty: the table shows it. */
function delimiterOf(contentType: string): string {
  return /^text\/tab-separated-values\s*(;|$)/.test(contentType) ? '\t' : '';
}
