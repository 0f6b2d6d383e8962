/** CSV: read a few hundred rows at a time. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { type CsvRead, readCsv } from './csv-rows.ts';
import { Table } from './table.tsx';
import { TextPreview } from './text.tsx';

/** Rows that stay in memory. */
const rowsMax = 20_000;

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
  const [read, setRead] = useState<CsvRead>();
  const [failure, setFailure] = useState<Failure>();
  const busy = useRef(false);
  const load = async (before: CsvRead | undefined, signal?: AbortSignal) => {
    busy.current = true;
    try {
      const next = await readCsv({ id, contentType, firstRow: first, signal }, before);
      if (signal?.aborted !== true) setRead(next);
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
