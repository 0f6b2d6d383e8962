import type { Encoding } from './encoding.ts';
import type { Source } from './source.ts';
import { lookAhead } from './utf8.ts';

/** The delimiters that are recognized in addition to commas. */
const others = [';', '\t', '|'] as const;

/** The number of bytes of a header that are examined. */
const headBytes = 64 * 1024;

/**
 * Returns the delimiter of a table whose type does not name it: a comma if the header has one, else the most frequent
 * of some others. Quoted text does not count.
 */
export async function delimiterFoundIn(source: Source, encoding: Encoding): Promise<string> {
  const bytes = await source.range(encoding.start, encoding.start + headBytes + lookAhead);
  const head = encoding.text(bytes.subarray(0, encoding.fitting(bytes, headBytes)));
  const counts = new Map<string, number>();
  let isQuoted = false;
  for (const character of head) {
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === '\n') break;
    else if (!isQuoted) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  if (counts.has(',')) return ',';
  const [most] = others.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  return most !== undefined && counts.has(most) ? most : ',';
}
