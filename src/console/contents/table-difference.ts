/** Two tables by row: which rows are new, missing or changed, and in which cells. */
import { diffArrays } from 'diff';

/** A table that was read. */
export interface TableRead {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A row of a difference. */
export interface RowDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  /** The place of the row in each table, from 0. Undefined: the table has no such row. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** The cells, by the columns of the difference: of the table after, or of the one before for a removed row. */
  readonly cells: readonly string[];
  /** Of a changed row: what the cells were, where they differ. */
  readonly old: ReadonlyMap<number, string>;
}

/** What differs between two tables. */
export interface TableDifference {
  /** The columns of the table after, then those that only the table before has. */
  readonly columns: readonly string[];
  readonly addedColumns: readonly string[];
  readonly removedColumns: readonly string[];
  /** The column by which rows were found again. Undefined: no column is unique, so rows were found by their order. */
  readonly key: string | undefined;
  readonly rows: readonly RowDifference[];
  readonly sameCount: number;
  /** True: the order of rows differs too much, so they were compared by their numbers. */
  readonly isByNumber: boolean;
}

/** The most rows that are added or removed before the search for the order is ended. */
const editsMax = 1_000;

/** A row of one table and the one of the other that it is. */
type Pair = readonly [before: number | undefined, after: number | undefined];

/** Returns what differs. Columns are the same if they have the same name, and the same place among equal names. */
export function tableDifference(before: TableRead, after: TableRead): TableDifference {
  const [old, young] = [namesOf(before.columns), namesOf(after.columns)];
  const removedColumns = old.filter((name) => !young.includes(name));
  const columns = [...young, ...removedColumns];
  const oldAt = columns.map((name) => old.indexOf(name));
  const youngAt = columns.map((name) => young.indexOf(name));
  const key = keyColumn(before, after, old, young);
  const common = columns.flatMap((_, at) =>
    oldAt[at]! >= 0 && youngAt[at]! >= 0 ? [[oldAt[at]!, youngAt[at]!] as const] : [],
  );
  const { pairs, isByNumber } =
    key === undefined ? byOrder(before.rows, after.rows, common) : byKey(before.rows, after.rows, key);
  const cellsOf = (row: readonly string[], places: readonly number[]) => places.map((at) => row[at] ?? '');
  const rows: RowDifference[] = [];
  let sameCount = 0;
  for (const [was, is] of pairs) {
    const oldCells = was === undefined ? undefined : cellsOf(before.rows[was]!, oldAt);
    const cells = is === undefined ? oldCells! : cellsOf(after.rows[is]!, youngAt);
    const changed = new Map<number, string>();
    if (oldCells !== undefined && is !== undefined)
      for (const [at, text] of oldCells.entries())
        if (text !== cells[at] && oldAt[at]! >= 0) changed.set(at, text);
    const kind = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    if (kind === 'changed' && changed.size === 0 && !hasNewCells(cells, oldAt)) sameCount++;
    else rows.push({ kind, before: was, after: is, cells, old: changed });
  }
  return {
    columns,
    addedColumns: young.filter((name) => !old.includes(name)),
    removedColumns,
    key: key?.name,
    rows,
    sameCount,
    isByNumber,
  };
}

/** Whether a row has something in a column that the table before does not have. */
function hasNewCells(cells: readonly string[], oldAt: readonly number[]): boolean {
  return cells.some((text, at) => text !== '' && oldAt[at]! < 0);
}

/** Equal names get numbers: `x`, `x (2)`. */
function namesOf(columns: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return columns.map((name) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
}

interface Key {
  readonly name: string;
  readonly oldAt: number;
  readonly youngAt: number;
}

/**
 * The first column of the table after whose cells are unique and not empty in both tables, with values that both have.
 * A column of numbers with a fraction measures something: it is not a key.
 */
function keyColumn(
  before: TableRead,
  after: TableRead,
  old: readonly string[],
  young: readonly string[],
): Key | undefined {
  for (const [youngAt, name] of young.entries()) {
    const oldAt = old.indexOf(name);
    if (oldAt < 0) continue;
    const [were, are] = [unique(before.rows, oldAt), unique(after.rows, youngAt)];
    if (were === undefined || are === undefined) continue;
    let both = 0;
    for (const value of are) if (were.has(value)) both++;
    if (both * 2 >= Math.min(were.size, are.size)) return { name, oldAt, youngAt };
  }
  return undefined;
}

function unique(rows: readonly (readonly string[])[], at: number): ReadonlySet<string> | undefined {
  const values = new Set<string>();
  for (const row of rows) {
    const value = row[at] ?? '';
    if (value === '' || values.has(value) || /^[+-]?\d*\.\d+(?:e[+-]?\d+)?$/i.test(value)) return undefined;
    values.add(value);
  }
  return values.size === 0 ? undefined : values;
}

interface Paired {
  readonly pairs: readonly Pair[];
  readonly isByNumber: boolean;
}

/** Rows with the same key are the same. A removed row comes where it was among the others. */
function byKey(
  before: readonly (readonly string[])[],
  after: readonly (readonly string[])[],
  { oldAt, youngAt }: Key,
): Paired {
  const places = new Map(before.map((row, at) => [row[oldAt]!, at]));
  const kept = new Set(after.map((row) => row[youngAt]!));
  const pairs: Pair[] = [];
  let next = 0;
  const takeRemoved = (end: number) => {
    for (; next < end; next++) if (!kept.has(before[next]![oldAt]!)) pairs.push([next, undefined]);
  };
  for (const [at, row] of after.entries()) {
    const was = places.get(row[youngAt]!);
    if (was !== undefined && was >= next) takeRemoved(was);
    pairs.push([was, at]);
  }
  takeRemoved(before.length);
  return { pairs, isByNumber: false };
}

/** Equal rows in the same order are the same; of those between them, the first is compared with the first, and so on. */
function byOrder(
  before: readonly (readonly string[])[],
  after: readonly (readonly string[])[],
  common: readonly (readonly [number, number])[],
): Paired {
  const wordsOf = (rows: readonly (readonly string[])[], side: 0 | 1) =>
    rows.map((row) => JSON.stringify(common.map((places) => row[places[side]] ?? '')));
  const parts = diffArrays(wordsOf(before, 0), wordsOf(after, 1), { maxEditLength: editsMax });
  if (parts === undefined) return { pairs: byNumber(before.length, after.length, 0, 0), isByNumber: true };
  const pairs: Pair[] = [];
  let [old, young] = [0, 0];
  let removed = 0;
  let added = 0;
  const flush = () => {
    pairs.push(...byNumber(removed, added, old, young));
    old += removed;
    young += added;
    removed = 0;
    added = 0;
  };
  for (const { added: isAdded, removed: isRemoved, count } of parts) {
    if (isAdded) added += count;
    else if (isRemoved) removed += count;
    else {
      flush();
      for (let at = 0; at < count; at++) pairs.push([old++, young++]);
    }
  }
  flush();
  return { pairs, isByNumber: false };
}

function byNumber(removed: number, added: number, old: number, young: number): Pair[] {
  return Array.from(
    { length: Math.max(removed, added) },
    (_, at): Pair => [at < removed ? old + at : undefined, at < added ? young + at : undefined],
  );
}
