/** Rows of CSV as the service sends them: RFC 4180, with the delimiter of the artifact. */

/** Splits a text into rows of cells. */
export function rowsOf(text: string, delimiter = ','): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  const endCell = () => {
    row.push(cell);
    cell = '';
  };
  const endRow = () => {
    endCell();
    rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at++;
      } else isQuoted = false;
    } else if (character === '"' && cell === '') isQuoted = true;
    else if (character === delimiter) endCell();
    else if (character === '\n' || (character === '\r' && text[at + 1] === '\n')) {
      if (character === '\r') at++;
      endRow();
    } else cell += character;
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

/** The type of a column, guessed from the cells that were read. */
export function typeOfColumn(cells: readonly string[]): 'number' | 'time' | 'truth' | 'text' {
  const given = cells.filter((cell) => cell !== '');
  if (given.length === 0) return 'text';
  const all = (pattern: RegExp) => given.every((cell) => pattern.test(cell));
  if (all(/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/)) return 'number';
  if (all(/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?$/)) return 'time';
  return all(/^(?:true|false)$/i) ? 'truth' : 'text';
}

/** The rows come with the delimiter of the artifact, which the service finds in the header in this way too. */
export function delimiterOf(text: string): string {
  const head = (text.split('\n', 1)[0] ?? '').replace(/"[^"]*"/g, '');
  if (head.includes(',')) return ',';
  const counts = [';', '\t', '|'].map((one) => [head.split(one).length - 1, one] as const);
  const [most] = counts.sort(([a], [b]) => b - a);
  return most !== undefined && most[0] > 0 ? most[1] : ',';
}
