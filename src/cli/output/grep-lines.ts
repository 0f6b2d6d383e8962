import type { ArtifactPiece } from '../../client/artifacts/reading.ts';

/** The form in which lines are shown. */
export interface GrepStyle {
  /** Whether each begins with its number: `12:` if it matched, `12-` if it is shown for context. */
  readonly numbers: boolean;
  /** The number of lines shown before each match. */
  readonly before: number;
  /** The number of lines shown after each match. */
  readonly after: number;
  /** False: no context exists, and nothing stands between lines that are apart. */
  readonly separators: boolean;
}

/**
 * Shows pieces of a search as `grep` does. A line may continue in the next piece. A separator between groups of lines
 * looks like a line that consists of `--`; the distance between matches tells the two apart. If a separator is not at
 * the beginning of a piece, the next match is in the same piece.
 */
export class GrepLines {
  private readonly style: GrepStyle;
  private lastMatch = 0;
  /** The number of the last line that was shown; 0: none was. */
  private shown = 0;
  private isWithinLine = false;
  /** Whether the piece before ended with a separator. */
  private isSeparated = false;

  constructor(style: GrepStyle) {
    this.style = style;
  }

  text(piece: ArtifactPiece): string {
    const content = String(piece.content);
    const lines = content.match(/[^\n]*\n|[^\n]+$/g) ?? [];
    const separators = this.separators(piece, lines);
    const matching = new Set(piece.matches.map(({ textLine }) => textLine));
    let line = piece.firstLine ?? 0;
    const shown = lines.map((text, at) => {
      if (separators.has(at + 1)) {
        line = separators.get(at + 1)!;
        return this.style.separators ? text : '';
      }
      const number = line++;
      if (matching.has(at + 1)) this.lastMatch = number;
      this.shown = number;
      const goesOn = this.isWithinLine;
      this.isWithinLine = !text.endsWith('\n');
      return this.style.numbers && !goesOn ? `${number}${matching.has(at + 1) ? ':' : '-'}${text}` : text;
    });
    if (lines.length > 0) this.isSeparated = separators.has(lines.length);
    return shown.join('');
  }

  /** Returns the places of separators among the lines of a piece, with the numbers of the lines after them. */
  private separators(piece: ArtifactPiece, lines: readonly string[]): Map<number, number> {
    const found = new Map<number, number>();
    const { firstLine } = piece;
    if (this.begins(piece, lines)) found.set(1, firstLine ?? 0);
    if (firstLine === undefined) return found;
    const { before, after } = this.style;
    // A piece that begins with a separator begins with the context of its first match.
    let lastMatch = found.size > 0 ? 0 : this.lastMatch;
    // For a line that is known: its place in the text, minus its number.
    let shift = found.size + 1 - firstLine;
    for (const { line, textLine } of piece.matches) {
      if (lastMatch > 0 && line - lastMatch - 1 > before + after) {
        const at = lastMatch + after + shift + 1;
        found.set(at, line - (textLine - at - 1));
      }
      lastMatch = line;
      shift = textLine - line;
    }
    return found;
  }

  private begins({ firstLine }: ArtifactPiece, lines: readonly string[]): boolean {
    if (this.isWithinLine || this.isSeparated || this.shown === 0 || lines[0] !== '--\n') return false;
    return firstLine === undefined || firstLine > this.shown + 1;
  }
}
