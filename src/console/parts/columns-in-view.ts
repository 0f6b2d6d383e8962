/** Which columns of a wide table are in view: only these are made into elements. */

/** The most columns that exist at once. */
export const columnsMax = 40;
/** Columns beyond the view on each side. */
const spare = 2;

/** The place of each column, in pixels. */
export interface ColumnPlaces {
  /** Where each column begins, and as the last one the width of all. */
  readonly starts: readonly number[];
}

/**
 * Places columns one after another. @param widths in pixels. @param viewWidth in pixels: columns are at least so wide
 * that the most that exist at once fill it.
 */
export function placeColumns(widths: readonly number[], viewWidth: number): ColumnPlaces {
  const least = viewWidth / (columnsMax - 2 * spare - 1);
  const starts = [0];
  for (const width of widths)
    starts.push(starts.at(-1)! + Math.max(width, widths.length > columnsMax ? least : 0));
  return { starts };
}

interface View {
  /** How far the table is scrolled, and the width of the view, in pixels. */
  readonly left: number;
  readonly width: number;
}

/** Returns the first column, and the one after the last one, which exist. */
export function columnsInView(
  { starts }: ColumnPlaces,
  { left, width }: View,
): { first: number; end: number } {
  const length = starts.length - 1;
  if (length <= columnsMax) return { first: 0, end: length };
  const first = Math.max(0, columnAt(starts, left) - spare);
  const end = Math.min(length, columnAt(starts, left + width) + 1 + spare, first + columnsMax);
  return { first, end };
}

/** The last column that begins at a place or before it. */
function columnAt(starts: readonly number[], place: number): number {
  let [low, high] = [0, Math.max(0, starts.length - 2)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Returns the column that a reader means: by its number from 1, its name, or a beginning of it. Undefined: none. */
export function columnNamed(columns: readonly string[], text: string): number | undefined {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return undefined;
  const names = columns.map((name) => name.toLowerCase());
  const tests: readonly ((name: string) => boolean)[] = [
    (name) => name === wanted,
    (name) => name.startsWith(wanted),
    (name) => name.includes(wanted),
  ];
  for (const test of tests) {
    const at = names.findIndex(test);
    if (at >= 0) return at;
  }
  const number = Number(wanted);
  return Number.isInteger(number) && number >= 1 && number <= columns.length ? number - 1 : undefined;
}
