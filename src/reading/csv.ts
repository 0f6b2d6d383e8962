import { Buffer, isUtf8 } from 'node:buffer';
import { Failure, invalid } from '../domain/errors.ts';
import { delimiterFoundIn } from './csv-delimiter.ts';
import { type CsvRow, CsvSyntaxError, csvRows, rowText } from './csv-rows.ts';
import type { Encoding } from './encoding.ts';
import type { Source } from './source.ts';
import { characterEnd, unsuitable } from './utf8.ts';
import type { CsvWindow, Reading } from './window.ts';

/** The place where an answer continues. */
export interface CsvPlace {
  /** The offset where the next row begins in the content; 0: the header has not been returned. */
  readonly at: number;
  /** Its number. */
  readonly row: number;
  /** The number of rows that are still wanted, including that one; undefined for all. */
  readonly left?: number | undefined;
  /** The number of bytes of the row, as it is returned, that earlier answers had. */
  readonly cut: number;
}

type Mutable<T> = { -readonly [P in keyof T]: T[P] };

/**
 * Reads rows of a table. The header comes once, before the first of them. A malformed row ends the reading: the rows
 * before it are an answer, and the next answer reports the fault.
 */
export async function readCsv(
  source: Source,
  encoding: Encoding,
  window: CsvWindow,
  bytesMax: number,
  place?: CsvPlace,
): Promise<Reading<CsvPlace>> {
  const delimiter = window.delimiter || (await delimiterFoundIn(source, encoding));
  const table = { source, encoding, window: { ...window, delimiter } };
  return await new CsvAnswer(table, await readHeader(table), bytesMax, place).read();
}

interface Table {
  readonly source: Source;
  readonly encoding: Encoding;
  readonly window: CsvWindow;
}

/** The first row. */
interface Header {
  readonly columns: readonly string[];
  /** The wanted columns, in their order. */
  readonly chosen: readonly number[];
  /** The offset where the first row of data begins. */
  readonly end: number;
}

async function readHeader({ source, encoding, window }: Table): Promise<Header> {
  try {
    for await (const { cells, end } of csvRows(source, encoding, encoding.start, window.delimiter))
      return { columns: cells, chosen: choose(cells.map(wellFormed), window.columns), end };
  } catch (error) {
    throw toFailure(error, 'the header', encoding.start);
  }
  throw unsuitable('it is empty, and a CSV table has a header');
}

function toFailure(error: unknown, row: string, at: number): unknown {
  return error instanceof CsvSyntaxError
    ? noTable(`${row}: ${error.message}; it begins at byte ${at}`)
    : error;
}

function noTable(why: string) {
  return unsuitable(`it is not a CSV table: ${why}`);
}

/** Returns a cell as it is shown. */
function wellFormed(cell: string): string {
  return Buffer.from(Buffer.from(cell, 'latin1').toString('utf8'), 'utf8').toString('latin1');
}

/** The number of columns that an error names if the requested one does not exist. */
const columnsNamed = 20;

function choose(columns: readonly string[], wanted: readonly string[]): number[] {
  if (wanted.length === 0) return columns.map((_, index) => index);
  return wanted.map((name, at) => {
    const index = columns.indexOf(Buffer.from(name, 'utf8').toString('latin1'));
    if (index >= 0) return index;
    const named = columns
      .slice(0, columnsNamed)
      .map((column) =>
        JSON.stringify([...Buffer.from(column, 'latin1').toString('utf8')].slice(0, 64).join('')),
      )
      .join(', ');
    const others = columns.length > columnsNamed ? ` and ${columns.length - columnsNamed} more` : '';
    throw invalid(`csv.columns[${at}]`, `must be a column of the table: ${named}${others}`);
  });
}

class CsvAnswer {
  private readonly table: Table;
  private readonly header: Header;
  private readonly place: Mutable<CsvPlace>;
  private room: number;
  private readonly pieces: Buffer[] = [];
  private firstRow: number | undefined;
  private malformedRows = 0;

  constructor(
    table: Table,
    header: Header,
    bytesMax: number,
    place: CsvPlace = { at: 0, row: 1, left: table.window.count, cut: 0 },
  ) {
    this.table = table;
    this.header = header;
    this.place = { ...place };
    this.room = bytesMax;
  }

  async read(): Promise<Reading<CsvPlace>> {
    const { place, header } = this;
    if (place.at === 0) {
      if (!this.add(header.columns)) return this.answer(true);
      place.at = header.end;
    }
    try {
      return this.answer(place.left !== 0 && (await this.rows()));
    } catch (error) {
      const failure = toFailure(error, `row ${place.row}`, place.at);
      if (this.pieces.length === 0 || !(failure instanceof Failure)) throw failure;
      return this.answer(true);
    }
  }

  /** Reads rows. Returns true if more follow. */
  private async rows(): Promise<boolean> {
    const { place } = this;
    const { window, source, encoding } = this.table;
    for await (const row of csvRows(source, encoding, place.at, window.delimiter)) {
      if (!this.isBlank(row)) {
        this.check(row);
        if (place.row >= window.first) {
          const isNew = this.firstRow === undefined;
          const before = this.pieces.length;
          const whole = this.add(row.cells);
          if (isNew && this.pieces.length > before) this.firstRow = place.row;
          if (!whole) return true;
          if (place.left !== undefined) place.left--;
        }
        place.row++;
      }
      place.at = row.end;
      if (place.left === 0) return false;
      if (source.isSpent) return place.at < source.size;
    }
    return false;
  }

  private answer(hasMore: boolean): Reading<CsvPlace> {
    return {
      content: { text: Buffer.concat(this.pieces).toString('utf8') },
      ...(this.firstRow === undefined ? {} : { firstLine: this.firstRow }),
      malformedLines: this.malformedRows,
      next: hasMore ? this.place : undefined,
    };
  }

  /** Adds a row, or the fitting part of a row that fits in no answer. Returns false if that is not all of it. */
  private add(cells: readonly string[]): boolean {
    const { place } = this;
    const chosen = this.header.chosen.map((index) => cells[index]!);
    const raw = Buffer.from(rowText(chosen, this.table.window.delimiter), 'latin1');
    const isMalformed = !isUtf8(raw);
    const bytes = isMalformed ? Buffer.from(raw.toString('utf8'), 'utf8') : raw;
    const rest = bytes.subarray(place.cut);
    const fits = rest.length <= this.room;
    if (!fits && this.pieces.length > 0) return false;
    if (isMalformed && place.cut === 0) this.malformedRows++;
    const piece = fits ? rest : rest.subarray(0, characterEnd(rest, this.room));
    this.pieces.push(piece);
    this.room -= piece.length;
    place.cut = fits ? 0 : place.cut + piece.length;
    return fits;
  }

  /** Whether a row is an empty line, which many programs write at the end; only a table of one column has such rows. */
  private isBlank({ cells }: CsvRow): boolean {
    return this.header.columns.length > 1 && cells.length === 1 && cells[0] === '';
  }

  private check({ cells }: CsvRow): void {
    const expected = this.header.columns.length;
    const { row, at } = this.place;
    if (cells.length !== expected)
      throw noTable(
        `row ${row} has ${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}; the header has ` +
          `${expected}, with ${JSON.stringify(this.table.window.delimiter)} between cells; the row begins ` +
          `at byte ${at}`,
      );
  }
}
