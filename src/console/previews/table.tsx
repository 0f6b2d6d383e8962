/** Tables: rows in a window, and of many columns a part at a time. */
import { useMemo, useState } from 'preact/hooks';
import { count } from '../base/format.ts';
import { typeOfColumn } from '../contents/csv.ts';
import { WindowList } from '../parts/window-list.tsx';

/** Columns that are shown at once. */
const columnsMax = 40;
/** Rows that decide the width and the type of a column, and its widths in characters. */
const judgedRows = 200;
const [narrowest, widest] = [6, 36];

interface TableProps {
  readonly columns: readonly string[];
  /** Types by column; left out, they are guessed from the cells. */
  readonly types?: readonly string[] | undefined;
  readonly rows: readonly (readonly string[])[];
  /** The number of the first row, from 1. */
  readonly firstRow: number;
  readonly onEnd: (() => void) | undefined;
}

/** A column as it is shown. */
interface ShownColumn {
  readonly name: string;
  readonly type: string;
  /** In characters. */
  readonly width: number;
}

/** A table of the rows that were read. */
export function Table({ columns, types, rows, firstRow, onEnd }: TableProps) {
  const [from, setFrom] = useState(0);
  const isJudged = rows.length >= judgedRows;
  const shown = useMemo(
    () =>
      columns.slice(from, from + columnsMax).map((name, index): ShownColumn => {
        const cells = rows.slice(0, judgedRows).map((row) => row[from + index] ?? '');
        const type = types?.[from + index] ?? typeOfColumn(cells);
        const longest = Math.max(name.length + type.length + 1, ...cells.map(({ length }) => length));
        return { name, type, width: Math.min(widest, Math.max(narrowest, longest + 1)) };
      }),
    [types, isJudged ? judgedRows : rows.length, columns, from],
  );
  // The head has letters of another width.
  const widths = shown.map(({ width }) => `${(width * 0.54).toFixed(2)}rem`);
  const style = { gridTemplateColumns: `4rem ${widths.join(' ')}` };
  return (
    <>
      {columns.length > columnsMax ? <Turn from={from} setFrom={setFrom} length={columns.length} /> : null}
      <WindowList
        label="Table"
        length={rows.length}
        rowHeight={28}
        columns="table-columns"
        keyOf={String}
        onEnd={onEnd}
        head={<Heads shown={shown} style={style} />}
        row={(index) => (
          <Cells
            cells={rows[index] ?? []}
            from={from}
            shown={shown}
            number={firstRow + index}
            style={style}
          />
        )}
      />
    </>
  );
}

function Turn({ from, setFrom, length }: { from: number; setFrom: (from: number) => void; length: number }) {
  const end = Math.min(from + columnsMax, length);
  return (
    <div class="controls">
      <button type="button" disabled={from === 0} onClick={() => setFrom(Math.max(0, from - columnsMax))}>
        Columns before
      </button>
      <button type="button" disabled={end >= length} onClick={() => setFrom(from + columnsMax)}>
        Columns after
      </button>
      <span class="quiet">
        columns {count(from + 1)} to {count(end)} of {count(length)}
      </span>
    </div>
  );
}

type RowStyle = Readonly<Record<'gridTemplateColumns', string>>;

function Heads({ shown, style }: { shown: readonly ShownColumn[]; style: RowStyle }) {
  return (
    <div class="table-row" style={style}>
      <span role="columnheader" class="cell number quiet">
        row
      </span>
      {shown.map(({ name, type }, index) => (
        <span
          role="columnheader"
          class={`cell${type === 'number' ? ' number' : ''}`}
          key={index}
          title={`${name}: ${type}`}
        >
          <bdi>{name}</bdi> <span class="quiet">{type}</span>
        </span>
      ))}
    </div>
  );
}

interface CellsProps {
  readonly cells: readonly string[];
  /** The first column that is shown. */
  readonly from: number;
  readonly shown: readonly ShownColumn[];
  readonly number: number;
  readonly style: RowStyle;
}

function Cells({ cells, from, shown, number, style }: CellsProps) {
  return (
    <div class="table-row" style={style}>
      <span role="rowheader" class="cell number quiet">
        {count(number)}
      </span>
      {shown.map(({ type }, column) => {
        const text = cells[from + column] ?? '';
        return (
          <span
            role="cell"
            class={`cell${type === 'number' ? ' number' : ''}`}
            key={column}
            title={text.slice(0, 2_000)}
          >
            <bdi>{text.slice(0, 300)}</bdi>
          </span>
        );
      })}
    </div>
  );
}
