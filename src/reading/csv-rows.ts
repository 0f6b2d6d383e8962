import { type Buffer, isUtf8 } from 'node:buffer';
import { pipeline, Readable } from 'node:stream';
import { CsvError, type Options, parse } from 'csv-parse';
import { limits } from '../domain/limits.ts';
import type { Source } from './source.ts';
import { unsuitable } from './utf8.ts';

/** One row of a table. */
export interface CsvRow {
  /** Their bytes as Latin-1, whatever they mean, so that nothing is lost by decoding. */
  readonly cells: readonly string[];
  /** Where the row ends in the content, its line break included. */
  readonly end: number;
}

/** The parser makes all rows of a slice before the first of them is taken. */
const sliceBytes = 16 * 1024;

/**
 * The rows from an offset on, at which one begins, read as they are asked for.
 *
 * @throws Failure CONTENT_UNSUITABLE for what does not parse.
 */
export async function* csvRows(source: Source, from: number, delimiter: string): AsyncGenerator<CsvRow> {
  const options: Options = {
    delimiter,
    // Each cell is put together again from its bytes.
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n'],
    // The header knows how many there must be; a row in the middle does not.
    relax_column_count: true,
    max_record_size: limits.csvRowBytesMax,
    info: true,
  };
  const parser = parse(options);
  // What goes wrong is thrown where the rows are taken.
  pipeline(Readable.from(slices(source, from), { objectMode: true }), parser, () => {});
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>)
      yield { cells: record, end: from + info.bytes };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw unsuitable(`it is no CSV table: ${wording[error.code] ?? 'it does not parse'}`);
  } finally {
    parser.destroy();
  }
}

interface Parsed {
  readonly record: string[];
  readonly info: { readonly bytes: number };
}

const wording: Readonly<Partial<Record<string, string>>> = {
  CSV_INVALID_CLOSING_QUOTE: 'a quoted cell goes on after its closing quote',
  INVALID_OPENING_QUOTE: 'there is a quote within a cell that is not quoted',
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell does not end',
  CSV_MAX_RECORD_SIZE: `a row has more than ${limits.csvRowBytesMax} bytes`,
};

async function* slices(source: Source, from: number): AsyncGenerator<Buffer> {
  for (let at = from; at < source.size; ) {
    const slice = (await source.from(at)).subarray(0, sliceBytes);
    at += slice.length;
    yield slice;
  }
}

/** The row as text in Latin-1, quoted where it must be, and ended with a line feed. */
export function rowText(cells: readonly string[], delimiter: string): string {
  return `${cells.map((cell) => (needsQuotes(cell, delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(delimiter)}\n`;
}

function needsQuotes(cell: string, delimiter: string): boolean {
  return cell.includes(delimiter) || cell.includes('"') || cell.includes('\n') || cell.includes('\r');
}

/** @throws Failure CONTENT_UNSUITABLE. */
export function requireUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw unsuitable('it is no CSV table: it is not UTF-8');
}
