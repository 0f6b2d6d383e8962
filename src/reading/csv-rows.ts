import { Buffer } from 'node:buffer';
import { type CsvError, type Options, parse } from 'csv-parse';
import { limits } from '../domain/limits.ts';
import type { Encoding } from './encoding.ts';
import type { Source } from './source.ts';
import { unitsOf, utf16AsUtf8 } from './utf16.ts';

/** One row of a table. */
export interface CsvRow {
  /** Their bytes of UTF-8 as Latin-1, whatever they mean, so that decoding loses nothing. */
  readonly cells: readonly string[];
  /** The offset where the row ends in the content, including its line break. */
  readonly end: number;
}

/** The error for bytes after the last row that do not parse. */
export class CsvSyntaxError extends Error {}

/** The parser makes all rows of a slice before the first of them is taken. */
const sliceBytes = 16 * 1024;

/**
 * Yields the rows from an offset on, at which a row begins, read as the caller asks for them.
 *
 * @throws CsvSyntaxError after the rows before it.
 */
export async function* csvRows(
  source: Source,
  encoding: Encoding,
  from: number,
  delimiter: string,
): AsyncGenerator<CsvRow> {
  const rows: CsvRow[] = [];
  const trail = new Trail(encoding, from);
  let failure: Error | undefined;
  const options: Options = {
    delimiter,
    // Each cell is built again from its bytes.
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n'],
    // The header knows the number of columns; a row in the middle does not.
    relax_column_count: true,
    max_record_size: limits.csvRowBytesMax,
    // A stream that fails forgets the rows that were not taken from it.
    on_record: (cells: string[], { bytes }: { readonly bytes: number }) => {
      rows.push({ cells, end: trail.offsetOf(bytes) });
      return null;
    },
  };
  const parser = parse(options);
  const written = (error?: Error | null) => {
    if (error) failure ??= new CsvSyntaxError(wording[(error as CsvError).code] ?? 'it does not parse');
  };
  parser.on('error', written);
  parser.resume();
  try {
    for (let at = from; at < source.size && failure === undefined; ) {
      const slice = await sliceFrom(source, encoding, at);
      at += slice.length;
      const bytes = trail.add(slice);
      await new Promise<void>((resolve) => parser.write(bytes, (error) => resolve(written(error))));
      yield* rows.splice(0);
    }
    if (failure === undefined) await new Promise<void>((resolve) => ended(parser, resolve));
    yield* rows.splice(0);
    if (failure !== undefined) throw failure;
  } finally {
    parser.destroy();
  }
}

function ended(parser: ReturnType<typeof parse>, resolve: () => void): void {
  parser.once('close', resolve);
  parser.end();
}

const wording: Readonly<Partial<Record<string, string>>> = {
  CSV_INVALID_CLOSING_QUOTE: 'a quoted cell continues after its closing quote',
  INVALID_OPENING_QUOTE: 'an unquoted cell contains a quote',
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell does not end',
  CSV_MAX_RECORD_SIZE: `it has more than ${limits.csvRowBytesMax} bytes`,
};

/** Returns a slice that is cut between characters. */
async function sliceFrom(source: Source, encoding: Encoding, at: number): Promise<Buffer> {
  if (encoding.unitBytes === 1) return (await source.from(at)).subarray(0, sliceBytes);
  const slice = await source.range(at, at + sliceBytes + encoding.unitBytes);
  return slice.length > sliceBytes ? slice.subarray(0, encoding.cut(slice, sliceBytes)) : slice;
}

/** Knows the place in the content of the bytes that the parser has been given. */
class Trail {
  private readonly encoding: Encoding;
  private readonly from: number;
  /** The bytes that were given and are not known to be the end of a row; only for UTF-16. */
  private waiting: Buffer = Buffer.alloc(0);
  /** The number of given bytes before these. */
  private passed = 0;
  /** The offset where these begin in the content. */
  private at: number;

  constructor(encoding: Encoding, from: number) {
    this.encoding = encoding;
    this.from = from;
    this.at = from;
  }

  /** Returns the bytes of a slice for the parser. */
  add(slice: Buffer): Buffer {
    if (this.encoding.unitBytes === 1) return slice;
    const bytes = utf16AsUtf8(this.encoding, slice);
    this.waiting = Buffer.concat([this.waiting, bytes]);
    return bytes;
  }

  /** Returns the offset in the content up to which this number of bytes has been given. Must be called in order. */
  offsetOf(given: number): number {
    if (this.encoding.unitBytes === 1) return this.from + given;
    const row = this.waiting.subarray(0, given - this.passed);
    this.waiting = this.waiting.subarray(row.length);
    this.passed = given;
    this.at += unitsOf(row) * this.encoding.unitBytes;
    return this.at;
  }
}

/** Returns the row as text in Latin-1, quoted where it must be, and ended with a line feed. */
export function rowText(cells: readonly string[], delimiter: string): string {
  return `${cells.map((cell) => (needsQuotes(cell, delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(delimiter)}\n`;
}

function needsQuotes(cell: string, delimiter: string): boolean {
  return cell.includes(delimiter) || cell.includes('"') || cell.includes('\n') || cell.includes('\r');
}
