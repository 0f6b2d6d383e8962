/** Prints the slowest files and tests of a JSON report of vitest: `node .ci/slowest.ts REPORT`. */
import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Report } from '../scripts/census.ts';

const shown = 15;
const root = resolve(import.meta.dirname, '..');
const report = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Report;

function list(what: string, all: readonly (readonly [ms: number, name: string])[]): void {
  console.log(`\nslowest ${what}, seconds:`);
  for (const [ms, name] of all.toSorted(([one], [other]) => other - one).slice(0, shown))
    console.log(`${(ms / 1_000).toFixed(1).padStart(7)}  ${name}`);
}

const named = report.testResults.map((file) => ({ ...file, path: relative(root, file.name) }));
list(
  'files',
  named.map(({ startTime, endTime, path }) => [endTime - startTime, path]),
);
list(
  'tests',
  named.flatMap(({ path, assertionResults }) =>
    assertionResults.map(({ duration, fullName }) => [duration ?? 0, `${path} > ${fullName}`] as const),
  ),
);
