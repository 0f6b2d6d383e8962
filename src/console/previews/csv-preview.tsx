/** CSV: read a few hundred rows at a time. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { readPiece } from '../calls/read.ts';
import { rowsOf } from '../contents/csv.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { Table } from './table.tsx';
import { TextPreview } from './text.tsx';

/** Rows that stay in memory. */
const rowsMax = 20_000;

interface Read {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly cursor: string;
  readonly delimiter: string;
}

interface CsvProps {
  readonly id: string;
  readonly bytes: number;
  readonly contentType: string;
}

/** The preview. */
export function CsvPreview({ id, bytes, contentType }: CsvProps) {
  const [first, setFirst] = useState(1);
  const { read, failure, more } = useRows(id, contentType, first);
  // A content that is not a table is a text.
  if (failure?.reason === 'CONTENT_UNSUITABLE' && read === undefined)
    return (
      <>
        <FailureBox failure={failure} />
        <TextPreview id={id} bytes={bytes} />
      </>
    );
  return (
    <div class="preview table-preview">
      <FailureBox failure={failure} />
      {read === undefined ? (
        failure === undefined ? (
          <Loading what="rows" />
        ) : null
      ) : (
        <>
          <div class="controls">
            <label>
              from row{' '}
              <input
                type="text"
                inputMode="numeric"
                value={String(first)}
                onChange={(event) =>
                  setFirst(Math.max(1, Math.floor(Number(event.currentTarget.value)) || 1))
                }
              />
            </label>
            <span class="quiet" role="status">
              {counted(read.columns.length, 'column')}, {counted(read.rows.length, 'row')}
              {read.cursor === '' ? '' : ' read so far'}
            </span>
          </div>
          <Table columns={read.columns} rows={read.rows} firstRow={first} onEnd={more} />
        </>
      )}
    </div>
  );
}

/** Reads rows from the first wanted one on, a piece whenever more are asked for. */
function useRows(id: string, contentType: string, first: number) {
  const [read, setRead] = useState<Read>();
  const [failure, setFailure] = useState<Failure>();
  const busy = useRef(false);
  const load = async (before: Read | undefined, signal?: AbortSignal) => {
    busy.current = true;
    try {
      const window = { case: 'csv', value: { firstRow: BigInt(first) } } as const;
      const given = signal === undefined ? {} : { signal };
      const { text, nextCursor } = await readPiece(id, window, { cursor: before?.cursor ?? '', ...given });
      const isTabbed = contentType.startsWith('text/tab-separated-values');
      const delimiter = before?.delimiter ?? (isTabbed ? '\t' : delimiterOf(text));
      const parsed = rowsOf(text, delimiter);
      const columns = before?.columns ?? parsed.shift() ?? [];
      if (signal?.aborted !== true)
        setRead({ columns, rows: [...(before?.rows ?? []), ...parsed], cursor: nextCursor, delimiter });
    } catch (error) {
      if (!isCancelled(error)) setFailure(failureOf(error));
    } finally {
      busy.current = false;
    }
  };
  useEffect(() => {
    const ended = new AbortController();
    setRead(undefined);
    setFailure(undefined);
    void load(undefined, ended.signal);
    return () => ended.abort();
  }, [id, first]);
  const more = () => {
    const canRead = read !== undefined && read.cursor !== '' && read.rows.length < rowsMax;
    if (canRead && !busy.current) void load(read);
  };
  return { read, failure, more };
}

/** The rows come with the delimiter of the artifact, which the service finds in the header in this way too. */
function delimiterOf(text: string): string {
  const head = (text.split('\n', 1)[0] ?? '').replace(/"[^"]*"/g, '');
  if (head.includes(',')) return ',';
  const counts = [';', '\t', '|'].map((one) => [head.split(one).length - 1, one] as const);
  const [most] = counts.sort(([a], [b]) => b - a);
  return most !== undefined && most[0] > 0 ? most[1] : ',';
}
