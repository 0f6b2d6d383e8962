import { displayWidth, plain } from './human.ts';

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Whether to align to the right, as numbers are. Default left. */
  readonly right?: boolean;
}

/** The number of rows that are laid out together, so that a list of any length needs little memory. */
const rowsTogether = 200;

/**
 * Yields aligned rows under a heading. Widths only grow from block to block. The last column is not padded. Text is
 * made plain.
 */
export async function* tableLines(
  columns: readonly Column[],
  rows: AsyncIterable<readonly string[]>,
): AsyncGenerator<string, void, void> {
  const widths = columns.map(({ title }) => displayWidth(title));
  let waiting: (readonly string[])[] = [columns.map(({ title }) => title)];
  const flush = () => {
    const lines = waiting.map((row) => layOut(row, columns, widths));
    waiting = [];
    return lines;
  };
  let any = false;
  for await (const row of rows) {
    any = true;
    const cells = row.map(plain);
    for (const [at, cell] of cells.entries()) widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell));
    waiting.push(cells);
    if (waiting.length >= rowsTogether) yield* flush();
  }
  if (any) yield* flush();
}

function layOut(row: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const cells = row.map((cell, at) => {
    const room = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(cell)));
    if (columns[at]?.right) return room + cell;
    return at === row.length - 1 ? cell : cell + room;
  });
  return cells.join('  ');
}

/** Returns `key: value` lines with the values in one column; an empty key continues the one before. */
export function keyValueLines(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([key]) => key.length));
  return pairs.map(([key, value]) => `${(key && `${key}:`).padEnd(width + 1)}  ${plain(value)}`);
}
