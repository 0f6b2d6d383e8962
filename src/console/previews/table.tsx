/** Tables: of many rows and columns only those in view exist in the page. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { count, counted } from '../base/format.ts';
import { typeOfColumn } from '../contents/csv.ts';
import {
  type ColumnPlaces,
  columnNamed,
  columnsInView,
  columnsMax,
  placeColumns,
} from '../parts/columns-in-view.ts';
import { type ScrolledSideways, WindowList } from '../parts/window-list.tsx';

/** Rows that decide the width and the type of a column, and its widths in characters. */
const judgedRows = 200;
const [narrowest, widest] = [6, 36];
/** The width of a character, and the space between two columns, relative to the size of the root's letters. */
const characterWidth = 0.54;
const gapWidth = 0.8;
/** Characters of a cell that are shown, and those that appear on hover. */
const [shownMax, hoveredMax] = [300, 2_000];

interface TableProps {
  readonly columns: readonly string[];
  /** Types by column; left out, they are guessed from the cells. */
  readonly types?: readonly string[] | undefined;
  readonly rows: readonly (readonly string[])[];
  /** The number of the first row, from 1. Left out, the rows have the heads that {@link headOf} returns. */
  readonly firstRow?: number;
  /** What stands before a row, in place of its number. */
  readonly headOf?: (row: number) => ComponentChildren;
  /** What stands in a cell, in place of its text. Undefined: the text. */
  readonly cellOf?: (row: number, column: number) => ComponentChildren | undefined;
  /** Classes of a row. */
  readonly kindOf?: (row: number) => string;
  readonly onEnd: (() => void) | undefined;
}

/** The columns that exist now. */
interface InView {
  readonly first: number;
  readonly end: number;
  readonly places: ColumnPlaces;
  readonly style: { readonly gridTemplateColumns: string; readonly width: string };
  readonly types: readonly string[];
}

/** A table of the rows that were read. */
export function Table(props: TableProps) {
  const { columns, rows, firstRow = 1, headOf, onEnd, kindOf } = props;
  const [view, setView] = useState<ScrolledSideways>({ left: 0, width: 1_200 });
  const scroll = useRef<(left: number) => void>(() => {});
  const inView = useColumns(props, view);
  const goTo = (column: number) => scroll.current(inView.places.starts[column] ?? 0);
  return (
    <>
      {columns.length > columnsMax ? <Columns columns={columns} inView={inView} goTo={goTo} /> : null}
      <WindowList
        label="Table"
        length={rows.length}
        rowHeight={28}
        columns="table-columns"
        columnCount={columns.length + 1}
        keyOf={String}
        onEnd={onEnd}
        onSideways={setView}
        scrollTo={scroll}
        head={<Heads columns={columns} inView={inView} />}
        row={(index) => (
          <div class={`table-row ${kindOf?.(index) ?? ''}`} style={inView.style}>
            <span role="rowheader" class="cell number quiet row-head" aria-colindex={1}>
              {headOf === undefined ? count(firstRow + index) : headOf(index)}
            </span>
            <span role="none" />
            <Cells {...props} index={index} inView={inView} />
          </div>
        )}
      />
    </>
  );
}

function useColumns({ columns, types, rows }: TableProps, view: ScrolledSideways): InView {
  const isJudged = rows.length >= judgedRows;
  const judged = useMemo(() => rows.slice(0, judgedRows), [isJudged ? judgedRows : rows.length, columns]);
  const letter = useMemo(rootLetter, []);
  const places = useMemo(
    () =>
      placeColumns(
        columns.map((name, at) => widthOf(name, at, types, judged) * letter),
        view.width,
      ),
    [columns, types, judged, view.width],
  );
  const { first, end } = columnsInView(places, view);
  return useMemo(() => {
    const { starts } = places;
    const shown = columns.slice(first, end);
    const widths = shown.map(
      (_, index) => `${starts[first + index + 1]! - starts[first + index]! - gap(letter)}px`,
    );
    return {
      first,
      end,
      places,
      types: shown.map(
        (_, index) => types?.[first + index] ?? typeOfColumn(judged.map((row) => row[first + index] ?? '')),
      ),
      style: {
        // The second column stands for those before the first that exists.
        gridTemplateColumns: `4rem ${starts[first]}px ${widths.join(' ')}`,
        width: `calc(4rem + ${starts.at(-1)! + gap(letter)}px)`,
      },
    };
  }, [places, first, end, judged, types]);
}

const gap = (letter: number) => gapWidth * letter;

/** The size of the root's letters in pixels. */
function rootLetter(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}

/** The width of a column and the space before it, relative to the size of the root's letters. */
function widthOf(
  name: string,
  at: number,
  types: readonly string[] | undefined,
  judged: readonly (readonly string[])[],
): number {
  // The head has the type, too; none that is guessed is longer than `number`.
  let longest = name.length + (types?.[at]?.length ?? 'number'.length) + 1;
  for (const row of judged) longest = Math.max(longest, row[at]?.length ?? 0);
  return Math.min(widest, Math.max(narrowest, longest + 1)) * characterWidth + gapWidth;
}

interface ColumnsProps {
  readonly columns: readonly string[];
  readonly inView: InView;
  readonly goTo: (column: number) => void;
}

/** Which columns are shown, and the way to one by its name. */
function Columns({ columns, inView: { first, end }, goTo }: ColumnsProps) {
  const [text, setText] = useState('');
  const found = columnNamed(columns, text);
  const submit = (event: Event) => {
    event.preventDefault();
    if (found !== undefined) goTo(found);
  };
  return (
    <form class="controls" onSubmit={submit}>
      <label>
        to column{' '}
        <input
          type="search"
          spellcheck={false}
          placeholder="name or number"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={found === undefined}>
        Go
      </button>
      <span class="quiet">
        {text.trim() !== '' && found === undefined
          ? 'no such column'
          : `columns ${count(first + 1)} to ${count(end)} of ${counted(columns.length, 'column')}`}
      </span>
    </form>
  );
}

function Heads({
  columns,
  inView: { first, end, style, types },
}: {
  columns: readonly string[];
  inView: InView;
}) {
  return (
    <div class="table-row" style={style}>
      <span role="columnheader" class="cell number quiet row-head" aria-colindex={1}>
        row
      </span>
      <span role="none" />
      {columns.slice(first, end).map((name, index) => (
        <span
          role="columnheader"
          aria-colindex={first + index + 2}
          class={`cell${types[index] === 'number' ? ' number' : ''}`}
          key={first + index}
          title={`${name}: ${types[index]}`}
        >
          <bdi>{name}</bdi> <span class="quiet">{types[index]}</span>
        </span>
      ))}
    </div>
  );
}

function Cells({
  rows,
  index,
  inView: { first, types },
  cellOf,
}: TableProps & { readonly index: number; readonly inView: InView }) {
  return types.map((type, at) => {
    const column = first + at;
    const text = rows[index]?.[column] ?? '';
    return (
      <span
        role="cell"
        aria-colindex={column + 2}
        class={`cell${type === 'number' ? ' number' : ''}`}
        key={column}
        title={text.slice(0, hoveredMax)}
      >
        {cellOf?.(index, column) ?? <bdi>{text.slice(0, shownMax)}</bdi>}
      </span>
    );
  });
}
