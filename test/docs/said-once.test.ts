/** No page says the same twice: a merge of two rewordings once left both of them in a page. */
import { glob, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const pages = await Array.fromAsync(glob(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: root }));

/** The number of equal words in a row that are no accident. */
const runLength = 14;

/** Returns the runs of words that a page has twice, outside its code blocks. */
function repetitionsIn(page: string): string[] {
  const prose = page.replace(/^```.*?^```/gms, '').replace(/^ {4}.*$/gm, '');
  const words = prose.match(/[\w./-]+/g) ?? [];
  const seen = new Set<string>();
  return words.flatMap((_, at) => {
    const run = words.slice(at, at + runLength);
    const text = run.join(' ');
    if (run.length < runLength || !seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [text];
  });
}

it.each(pages)('%s says nothing twice', async (page) => {
  expect(repetitionsIn(await readFile(join(root, page), 'utf8'))).toEqual([]);
});

it('finds a passage that stands in a page in two wordings', () => {
  const first = 'After that time the file is unlinked, and then its rows are removed, so no harm is done.';
  const second =
    'After that time the file is unlinked, and then its rows are removed, so a crash does no harm.';
  expect(repetitionsIn(`${first}\n\nAnother.\n\n${second}\n`)).toEqual([
    'After that time the file is unlinked and then its rows are removed so',
  ]);
  expect(repetitionsIn(`${first}\n`)).toEqual([]);
});
