/** Text of terminals: colours as they are, everything else that moves a cursor is left out. */

/** A run of text in one style. */
interface Span {
  readonly text: string;
  /** Names of classes, with spaces. Empty: plain. */
  readonly style: string;
}

interface Style {
  fore: string;
  back: string;
  readonly marks: Set<string>;
}

// ESC [ … letter; ESC ] … BEL or ST; and other escapes of one or two characters.
const sequence = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;

const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** The longest line that is read for colours; of a longer one the rest is plain. */
const charactersMax = 20_000;

/** Returns true if a text has such escapes. */
export function hasEscapes(text: string): boolean {
  return text.includes('\x1b');
}

/** Splits a line into runs. A carriage return overwrites what came before it, as in a terminal. */
export function spansOf(line: string): Span[] {
  const text = lastOverwritten(line);
  const style: Style = { fore: '', back: '', marks: new Set() };
  const spans: Span[] = [];
  const head = text.slice(0, charactersMax);
  let at = 0;
  const push = (part: string) => {
    if (part !== '') spans.push({ text: part, style: classesOf(style) });
  };
  for (const match of head.matchAll(sequence)) {
    push(head.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') change(style, match[1] ?? '');
  }
  push(head.slice(at));
  if (text.length > charactersMax) spans.push({ text: text.slice(charactersMax), style: '' });
  return spans;
}

function lastOverwritten(line: string): string {
  const at = line.replace(/\r+$/, '').lastIndexOf('\r');
  return at < 0 ? line.replace(/\r+$/, '') : line.slice(at + 1).replace(/\r+$/, '');
}

function classesOf({ fore, back, marks }: Style): string {
  return [...(fore === '' ? [] : [`fore-${fore}`]), ...(back === '' ? [] : [`back-${back}`]), ...marks].join(
    ' ',
  );
}

const turned: Readonly<Record<number, string>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  9: 'struck',
};

/** Applies the numbers of one `ESC [ … m`. */
function change(style: Style, numbers: string): void {
  const codes = numbers === '' ? [0] : numbers.split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]!;
    if (code === 0) {
      style.fore = '';
      style.back = '';
      style.marks.clear();
    } else if (turned[code] !== undefined) style.marks.add(turned[code]);
    else if (code === 22) for (const mark of ['bold', 'dim']) style.marks.delete(mark);
    else if (code === 23 || code === 24 || code === 29) style.marks.delete(turned[code - 20]!);
    else if (code === 38 || code === 48) {
      const { name, used } = extended(codes.slice(at + 1));
      if (code === 38) style.fore = name;
      else style.back = name;
      at += used;
    } else if (code === 39) style.fore = '';
    else if (code === 49) style.back = '';
    else if (code >= 30 && code <= 37) style.fore = names[code - 30]!;
    else if (code >= 90 && code <= 97) style.fore = names[code - 90]!;
    else if (code >= 40 && code <= 47) style.back = names[code - 40]!;
    else if (code >= 100 && code <= 107) style.back = names[code - 100]!;
  }
}

/** One of 256 colours, or one of 16 million, as the nearest of the eight. */
function extended(codes: readonly number[]): { name: string; used: number } {
  if (codes[0] === 5) return { name: ofPalette(codes[1] ?? 0), used: 2 };
  if (codes[0] === 2) return { name: nearest(codes[1] ?? 0, codes[2] ?? 0, codes[3] ?? 0), used: 4 };
  return { name: '', used: codes.length };
}

function ofPalette(index: number): string {
  if (index < 16) return names[index % 8]!;
  if (index >= 232) return index < 244 ? 'black' : 'white';
  const cube = index - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function nearest(red: number, green: number, blue: number): string {
  const bit = (value: number, weight: number) => (value > 110 ? weight : 0);
  return names[bit(red, 1) + bit(green, 2) + bit(blue, 4)]!;
}
