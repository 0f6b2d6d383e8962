/** Rows of CSV, read in pieces. */
import { readPiece } from '../calls/read.ts';
import { delimiterOf, rowsOf } from '../contents/csv.ts';

/** What was read so far. */
export interface CsvRead {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Empty: nothing follows. */
  readonly cursor: string;
  readonly delimiter: string;
}

interface CsvPart {
  readonly id: string;
  readonly contentType: string;
  /** From 1. */
  readonly firstRow?: number;
  /** The most bytes of a piece. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the next piece. @param before what was read before it. Undefined: nothing was. */
export async function readCsv(
  { id, contentType, firstRow = 1, maxBytes, signal }: CsvPart,
  before: CsvRead | undefined,
): Promise<CsvRead> {
  const window = { case: 'csv', value: { firstRow: BigInt(firstRow) } } as const;
  const { text, nextCursor } = await readPiece(id, window, {
    cursor: before?.cursor ?? '',
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(signal === undefined ? {} : { signal }),
  });
  const isTabbed = contentType.startsWith('text/tab-separated-values');
  const delimiter = before?.delimiter ?? (isTabbed ? '\t' : delimiterOf(text));
  const parsed = rowsOf(text, delimiter);
  const columns = before?.columns ?? parsed.shift() ?? [];
  return { columns, rows: [...(before?.rows ?? []), ...parsed], cursor: nextCursor, delimiter };
}
