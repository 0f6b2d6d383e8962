/**
 * Counts what a run of the tests has run, file by file, and in files of suites listener by transport, so that two commits can be
 * compared:
 *
 *     npx vitest run --reporter=json --outputFile=report.json
 *     node scripts/census.ts report.json
 */
import { readFileSync } from 'node:fs';

/** What is used here of a JSON report of vitest. */
interface Report {
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string;
    /** In milliseconds, as `endTime`. */
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      /** In milliseconds. */
      readonly duration?: number;
    }[];
  }[];
}

/** Files that run suites through listeners. */
const suiteFiles = /(memory|listeners)\.test\.ts$/;

/** The titles that say which suite and which listener: one that names both, or one of each. */
function placeOf(titles: readonly string[]): readonly string[] {
  const both = titles.findIndex((title) => / (through|in) /.test(title));
  return titles.slice(0, both === -1 ? 2 : both + 1);
}

/** A line for each file, or each suite at each listener, with its tests; skipped ones are counted apart. */
function census({ testResults }: Report): Map<string, { run: number; skipped: number }> {
  const counts = new Map<string, { run: number; skipped: number }>();
  for (const { name, assertionResults } of testResults) {
    const path = name.slice(name.lastIndexOf('/test/') + 1);
    for (const { ancestorTitles, status } of assertionResults) {
      const titles = placeOf(ancestorTitles.filter((title) => title !== ''));
      const place = suiteFiles.test(path) ? [path, ...titles].join(' > ') : path;
      const count = counts.get(place) ?? { run: 0, skipped: 0 };
      counts.set(place, count);
      count[status === 'passed' || status === 'failed' ? 'run' : 'skipped']++;
    }
  }
  return counts;
}

if (import.meta.main) {
  const counts = [...census(JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Report)].sort();
  for (const [place, { run, skipped }] of counts)
    console.log(`${String(run).padStart(5)}  ${place}${skipped === 0 ? '' : `  (${skipped} more skipped)`}`);
  console.log(`${String(counts.reduce((sum, [, { run }]) => sum + run, 0)).padStart(5)}  in all`);
}
