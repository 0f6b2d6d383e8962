/** Two texts as the lines that differ, with some around them. */
import { structuredPatch } from 'diff';

/** A line of a difference. */
export interface DiffLine {
  readonly kind: 'added' | 'removed' | 'same' | 'place';
  readonly text: string;
}

interface Lines {
  readonly lines: readonly DiffLine[];
  /** True: too much differs, and the search was ended. */
  readonly isTooLarge: boolean;
}

/** The most changed lines that are looked for, which bounds the work. */
const editsMax = 6_000;
const linesMax = 5_000;
/** Characters of a line that are shown. */
const charactersMax = 2_000;

const kinds: Readonly<Record<string, DiffLine['kind']>> = { '+': 'added', '-': 'removed' };

/** Returns what differs. @param isJson whether values are compared by their keys, whatever the white space. */
export function differenceOf(before: string, after: string, isJson: boolean): Lines {
  const [old, young] = isJson ? [arranged(before), arranged(after)] : [before, after];
  const patch = structuredPatch('', '', old, young, '', '', { context: 3, maxEditLength: editsMax });
  if (patch === undefined) return { lines: [], isTooLarge: true };
  const lines = patch.hunks.flatMap(({ oldStart, newStart, lines: found }) => [
    { kind: 'place' as const, text: `line ${oldStart} → line ${newStart}` },
    // The remark that a text has no end of line is not a line.
    ...found
      .filter((text) => !text.startsWith('\\'))
      .map((text) => ({
        kind: kinds[text[0] ?? ''] ?? ('same' as const),
        text: text.slice(0, charactersMax),
      })),
  ]);
  return { lines: lines.slice(0, linesMax), isTooLarge: false };
}

/** JSON with sorted keys, a value a line. What is not JSON stays as it is. */
function arranged(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text) as unknown), undefined, 1);
  } catch {
    return text;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
