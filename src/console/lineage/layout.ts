/** Where the nodes of a lineage are drawn: in columns by their distance from the start, as few lines crossing as is easy. */

/** One artifact of a lineage. */
export interface LineageNode {
  readonly id: string;
  /** Columns from the start: negative for what it was made from. */
  readonly level: number;
}

/** `from` went into `to`. */
interface LineageLine {
  readonly from: string;
  readonly to: string;
}

/** Where a node is drawn. */
interface Placed {
  readonly x: number;
  readonly y: number;
}

/** The measures of the drawing in pixels. */
export const measures = { width: 190, height: 46, gapX: 70, gapY: 14 };

/** How often the order within columns is improved. */
const rounds = 4;

/** Returns the place of each node, from 0. */
export function layOut(
  nodes: readonly LineageNode[],
  lines: readonly LineageLine[],
): { places: ReadonlyMap<string, Placed>; width: number; height: number } {
  const levels = [...new Set(nodes.map(({ level }) => level))].sort((a, b) => a - b);
  const columns = levels.map((level) => nodes.filter((node) => node.level === level).map(({ id }) => id));
  const neighbours = new Map<string, string[]>();
  for (const { from, to } of lines) {
    neighbours.set(from, [...(neighbours.get(from) ?? []), to]);
    neighbours.set(to, [...(neighbours.get(to) ?? []), from]);
  }
  for (let round = 0; round < rounds; round++) {
    const order = new Map(
      columns.flatMap((column) => column.map((id, at) => [id, at / column.length] as const)),
    );
    // Each node goes to the middle of those that it is joined to.
    for (const column of columns)
      column.sort((a, b) => middle(neighbours.get(a), order, a) - middle(neighbours.get(b), order, b));
  }
  const { width, height, gapX, gapY } = measures;
  const rowsMax = Math.max(1, ...columns.map(({ length }) => length));
  const places = new Map<string, Placed>();
  for (const [at, column] of columns.entries()) {
    const top = ((rowsMax - column.length) * (height + gapY)) / 2;
    for (const [row, id] of column.entries())
      places.set(id, { x: at * (width + gapX), y: top + row * (height + gapY) });
  }
  return {
    places,
    width: Math.max(width, columns.length * (width + gapX) - gapX),
    height: rowsMax * (height + gapY) - gapY,
  };
}

function middle(
  joined: readonly string[] | undefined,
  order: ReadonlyMap<string, number>,
  id: string,
): number {
  if (joined === undefined || joined.length === 0) return order.get(id) ?? 0;
  return joined.reduce((sum, one) => sum + (order.get(one) ?? 0), 0) / joined.length;
}
