/** What differs between two tables, row by row. */
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { count, counted, size } from '../base/format.ts';
import { place, setParams } from '../base/place.ts';
import { typeOfColumn } from '../contents/csv.ts';
import {
  type RowDifference,
  type TableDifference,
  type TableRead,
  tableDifference,
} from '../contents/table-difference.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { type CsvRead, readCsv } from '../previews/csv-rows.ts';
import { Table } from '../previews/table.tsx';
import { described } from './described.ts';

/** The most rows of each table that are compared. */
const rowsMax = 20_000;
/** The most bytes of CSV that are read of each table, and of one piece. */
const [csvBytesMax, pieceBytes] = [4 * 1024 * 1024, 1024 * 1024];
/** Larger files of Parquet are not compared. */
const parquetBytesMax = 8 * 1024 * 1024;
/** Columns that are named above the table. */
const namedMax = 6;

interface Read extends TableRead {
  /** True: rows follow that were not read. */
  readonly isCut: boolean;
}

type TableKind = 'table' | 'parquet';

async function readTable(
  artifact: Artifact,
  kind: TableKind,
  signal: AbortSignal,
): Promise<Read | undefined> {
  const { id, contentType } = artifact;
  if (kind === 'parquet') {
    if (artifact.sizeBytes > BigInt(parquetBytesMax)) return undefined;
    const { readParquet } = await import('../previews/parquet.tsx');
    return await readParquet(id, Number(artifact.sizeBytes), rowsMax);
  }
  let read: CsvRead | undefined;
  for (let bytes = 0; bytes < csvBytesMax; bytes += pieceBytes) {
    read = await readCsv({ id, contentType, maxBytes: pieceBytes, signal }, read);
    if (read.cursor === '' || read.rows.length >= rowsMax) break;
  }
  const { columns = [], rows = [], cursor = '' } = read ?? {};
  return { columns, rows: rows.slice(0, rowsMax), isCut: cursor !== '' || rows.length > rowsMax };
}

interface TablesProps {
  readonly base: Artifact;
  readonly compared: Artifact;
  readonly kind: TableKind;
  /** The difference as text. */
  readonly children: ComponentChildren;
}

/** The difference of two tables; that of their texts is a click away. */
export function TableDifferenceOf({ base, compared, kind, children }: TablesProps) {
  const isText = kind === 'table' && place.value.params.get('as') === 'text';
  return (
    <>
      {kind === 'parquet' ? null : (
        <fieldset class="views">
          <legend class="skip">Compared as</legend>
          {(['table', 'text'] as const).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="compared-as"
                checked={isText === (one === 'text')}
                onChange={() => setParams({ as: one === 'text' ? 'text' : '' })}
              />
              {one}
            </label>
          ))}
        </fieldset>
      )}
      {isText ? children : <Tables base={base} compared={compared} kind={kind} />}
    </>
  );
}

function Tables({ base, compared, kind }: Omit<TablesProps, 'children'>) {
  const { value, failure, again } = useCall(`tables ${base.id} ${compared.id}`, (signal) =>
    Promise.all([readTable(base, kind, signal), readTable(compared, kind, signal)]),
  );
  const difference = useMemo(() => {
    const [before, after] = value ?? [];
    return before === undefined || after === undefined ? undefined : tableDifference(before, after);
  }, [value]);
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (value === undefined) return <Loading what="both tables" />;
  if (difference === undefined)
    return (
      <p class="quiet note">
        The bytes differ: {described(base)} and {described(compared)}. Tables of Parquet are compared by row
        up to {size(parquetBytesMax)} and 1,000 columns.
      </p>
    );
  return (
    <section class="difference" aria-label="Difference">
      <p class="quiet note">
        from {described(base)} to {described(compared)}
        {value.some((one) => one?.isCut)
          ? `; of each, the first ${count(rowsMax)} rows or ${size(csvBytesMax)} are compared`
          : ''}
      </p>
      <Summary difference={difference} />
      {difference.rows.length === 0 ? null : <Rows difference={difference} />}
    </section>
  );
}

function Summary({ difference }: { difference: TableDifference }) {
  const { rows, key, sameCount, isByNumber, addedColumns, removedColumns } = difference;
  const of = (kind: RowDifference['kind']) => rows.filter((row) => row.kind === kind).length;
  const columns = changedColumns(difference);
  const how =
    key !== undefined
      ? `Rows are found again by ${key}`
      : isByNumber
        ? 'No column is unique and the order differs too much: rows are compared by their numbers'
        : 'No column is unique: rows are found again by their order';
  return (
    <p class="note" role="status">
      {rows.length === 0 ? 'The rows of both are the same.' : `${counted(of('changed'), 'changed row')}, `}
      {rows.length === 0
        ? ''
        : `${count(of('added'))} added, ${count(of('removed'))} removed, ${count(sameCount)} the same.`}{' '}
      <span class="quiet">
        {how}.{addedColumns.length === 0 ? '' : ` New columns: ${listed(addedColumns)}.`}
        {removedColumns.length === 0 ? '' : ` Removed columns: ${listed(removedColumns)}.`}
        {columns.length === 0 ? '' : ` Changed in: ${listed(columns)}.`}
      </span>
    </p>
  );
}

function listed(names: readonly string[]): string {
  const rest = names.length - namedMax;
  return `${names.slice(0, namedMax).join(', ')}${rest > 0 ? ` and ${count(rest)} more` : ''}`;
}

/** The columns with changed cells, those with most first, with their counts. */
function changedColumns({ columns, rows }: TableDifference): string[] {
  const counts = new Map<number, number>();
  for (const { old } of rows) for (const at of old.keys()) counts.set(at, (counts.get(at) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([at, times]) => `${columns[at]} (${count(times)})`);
}

const marks = { added: '+', removed: '−', changed: '±' } as const;

function Rows({ difference: { columns, rows } }: { difference: TableDifference }) {
  // Both forms of a cell count for the width of its column, and appear on hover.
  const texts = useMemo(
    () =>
      rows.map(({ cells, old }) =>
        old.size === 0 ? cells : cells.map((text, at) => (old.has(at) ? `${old.get(at)} → ${text}` : text)),
      ),
    [rows],
  );
  const types = useMemo(
    () => columns.map((_, at) => typeOfColumn(rows.slice(0, 200).map(({ cells }) => cells[at] ?? ''))),
    [rows],
  );
  return (
    <Table
      columns={columns}
      types={types}
      rows={texts}
      headOf={(row) => {
        const { kind, before, after } = rows[row]!;
        return (
          <span title={kind}>
            {marks[kind]} {count((after ?? before ?? 0) + 1)}
          </span>
        );
      }}
      cellOf={(row, column) => {
        const { cells, old } = rows[row]!;
        const was = old.get(column);
        if (was === undefined) return undefined;
        return (
          <>
            <del>{was.slice(0, 300)}</del> <ins>{(cells[column] ?? '').slice(0, 300)}</ins>
          </>
        );
      }}
      kindOf={(row) => `row-${rows[row]!.kind}`}
      onEnd={undefined}
    />
  );
}
