/** Parquet: its columns with their types, and rows that are read by range. */
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { contentPath, fetchPlain } from '../calls/clients.ts';
import { type Failure, failureOf } from '../calls/failure.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Table } from './table.tsx';

const step = 200;
/** Rows that stay in memory. */
const rowsMax = 20_000;

function fileOf(id: string, bytes: number): AsyncBuffer {
  return {
    byteLength: bytes,
    slice: async (start, end = bytes) => {
      const response = await fetchPlain(contentPath(id), { headers: { range: `bytes=${start}-${end - 1}` } });
      return await response.arrayBuffer();
    },
  };
}

/** The most columns of a table that is read whole. */
const columnsMax = 1_000;

/**
 * Reads a small file whole, for a comparison. @returns undefined for a file that has more columns than can be
 * compared.
 */
export async function readParquet(
  id: string,
  bytes: number,
  rowCountMax: number,
): Promise<{ readonly columns: string[]; readonly rows: string[][]; readonly isCut: boolean } | undefined> {
  const file = fileOf(id, bytes);
  const metadata = await parquetMetadataAsync(file);
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (names.length > columnsMax) return undefined;
  const total = Number(metadata.num_rows);
  const rowEnd = Math.min(total, rowCountMax);
  const found = await parquetReadObjects({ file, metadata, rowStart: 0, rowEnd });
  const rows = found.map((row) => names.map((name) => shown(row[name])));
  return { columns: names, rows, isCut: rowEnd < total };
}

/** The preview. */
export function ParquetPreview({ id, bytes }: { id: string; bytes: number }) {
  const file = useMemo(() => fileOf(id, bytes), [id]);
  const { value, failure, again } = useCall(`parquet ${id}`, () => parquetMetadataAsync(file));
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (value === undefined) return <Loading what="the columns" />;
  return <Rows file={file} metadata={value} />;
}

function Rows({ file, metadata }: { file: AsyncBuffer; metadata: FileMetaData }) {
  const total = Number(metadata.num_rows);
  const columns = useMemo(() => parquetSchema(metadata).children, [metadata]);
  const [rows, setRows] = useState<readonly (readonly string[])[]>([]);
  const [failure, setFailure] = useState<Failure>();
  const busy = useRef(false);
  const more = async () => {
    const rowEnd = Math.min(rows.length + step, total, rowsMax);
    if (busy.current || rowEnd <= rows.length) return;
    busy.current = true;
    try {
      const found = await parquetReadObjects({ file, metadata, rowStart: rows.length, rowEnd });
      const next = found.map((row) => columns.map(({ element }) => shown(row[element.name])));
      setRows((before) => [...before, ...next]);
    } catch (error) {
      setFailure(failureOf(error));
    } finally {
      busy.current = false;
    }
  };
  useEffect(() => void more(), []);
  return (
    <div class="preview table-preview">
      <p class="quiet note">
        {counted(total, 'row')}, {counted(columns.length, 'column')}, by{' '}
        {String(metadata.created_by ?? 'an unknown program')}
      </p>
      <FailureBox failure={failure} />
      <Table
        columns={columns.map(({ element }) => element.name)}
        types={columns.map(({ element }) =>
          String(element.logical_type?.type ?? element.type ?? 'group').toLowerCase(),
        )}
        rows={rows}
        firstRow={1}
        onEnd={() => void more()}
      />
    </div>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
}
