/** Which rows of a long list are in view. */

interface View {
  /** How far the list is scrolled, and the height of the view, in pixels. */
  readonly top: number;
  readonly height: number;
  readonly rowHeight: number;
  readonly length: number;
  /** The number of rows beyond the view on each side. */
  readonly spare: number;
}

/** Returns the first row, and the row after the last one. Both are within the list, however far it is scrolled. */
export function rowsInView({ top, height, rowHeight, length, spare }: View): { first: number; end: number } {
  const last = Math.ceil((top + height) / rowHeight) + spare;
  const end = Math.min(length, Math.max(0, last));
  const first = Math.min(Math.max(0, Math.floor(top / rowHeight) - spare), Math.max(0, end - 1));
  return { first: length === 0 ? 0 : first, end };
}
