/** A text that is read in pieces: the lines that were read, with their numbers. */

/** One piece of an artifact, as it was read. */
export interface Piece {
  readonly text: string;
  /** The bytes, if they are not text. */
  readonly data: Uint8Array | undefined;
  readonly firstLine: number | undefined;
  readonly startOffset: number;
  readonly endOffset: number;
  /** Empty: nothing follows. */
  readonly nextCursor: string;
  readonly malformedLines: number;
  /** For a search: the number of each matching line in the artifact, by its place in the text from 1. */
  readonly matches: ReadonlyMap<number, number>;
}

/** A line of a text. */
export interface TextLine {
  /** Undefined: not known, near the end of a text too long to be counted. */
  readonly number: number | undefined;
  readonly text: string;
  /** False: the line goes on in the next piece. */
  readonly isWhole: boolean;
  readonly isMatch: boolean;
}

/** The most characters of a line that are drawn. What is longer is cut in the page, and whole in the download. */
export const lineCharactersMax = 4_000;

/** Returns the lines of a piece. */
export function linesIn({ text, firstLine, nextCursor, matches }: Piece): TextLine[] {
  if (text === '') return [];
  const parts = text.split('\n');
  const endsLine = parts.at(-1) === '';
  if (endsLine) parts.pop();
  if (matches.size > 0) return parts.map((part, index) => matchLine(part, matches.get(index + 1)));
  return parts.map((part, index) => ({
    number: firstLine === undefined ? undefined : firstLine + index,
    text: part,
    isWhole: index < parts.length - 1 || endsLine || nextCursor === '',
    isMatch: false,
  }));
}

function matchLine(text: string, line: number | undefined): TextLine {
  return { number: line, text, isWhole: true, isMatch: line !== undefined };
}

/** Puts the lines of a later piece after others. A line that was cut goes on. */
export function joined(before: readonly TextLine[], next: readonly TextLine[]): readonly TextLine[] {
  const last = before.at(-1);
  const [first, ...rest] = next;
  if (last === undefined || first === undefined || last.isWhole || last.isMatch) return [...before, ...next];
  // A cut line may be as long as the artifact: only what can be drawn of it is kept.
  const text = last.text.length > lineCharactersMax ? last.text : last.text + first.text;
  return [...before.slice(0, -1), { ...last, text, isWhole: first.isWhole }, ...rest];
}
