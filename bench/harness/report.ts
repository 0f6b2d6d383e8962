/** Results as a table and plots for people and as JSON for comparisons. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import { svgOf } from './plot.ts';
import { median } from './statistics.ts';
import { type Context, type Figure, runsForVerdict, type Series } from './target.ts';

/** What a verdict depends on besides the figures. */
type Conditions = Pick<Context, 'runs' | 'quick' | 'sizes'>;

type Verdict =
  | 'holds'
  | 'falls short'
  | 'holds, but not in every run'
  | 'falls short, but not in every run'
  | 'no verdict';

/** By the median; says so when the runs disagree. */
function verdictOf({ result, requirement }: Figure, { quick }: Pick<Context, 'quick'>): Verdict {
  if (requirement === undefined || quick || result.values.length < runsForVerdict) return 'no verdict';
  const meets = (value: number) =>
    requirement.bound === 'at least' ? value >= requirement.value : value <= requirement.value;
  const verdict = meets(median(result.values)) ? 'holds' : 'falls short';
  const mixed = result.values.some((value) => meets(value) !== (verdict === 'holds'));
  return mixed ? `${verdict}, but not in every run` : verdict;
}

/** The table, the lines below it, and the machine. */
export function tableOf(figures: readonly Figure[], context: Conditions, machine: Machine): string {
  const rows = figures.map((figure) => [
    figure.id,
    spread(figure.result),
    required(figure),
    figure.missing === undefined ? verdictOf(figure, context) : 'missing',
    figure.ours === undefined ? '–' : middle(figure.ours),
    figure.control === undefined ? '–' : middle(figure.control),
    figure.serverCpu === undefined ? '–' : middle(figure.serverCpu),
    figure.controlCpu === undefined ? '–' : middle(figure.controlCpu),
  ]);
  const titles = [
    ...['target', 'median (min–max)', 'required', 'verdict', 'ours', 'control'],
    ...['server processor', 'control processor'],
  ];
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [
    line(titles),
    rule,
    ...rows.map(line),
    '',
    ...figures.flatMap(explanation),
    `${context.runs} runs. Commit ${machine.commit}, Node ${machine.node}, Linux ${machine.kernel}, ${machine.fileSystem}, ` +
      `${machine.processors} × ${machine.processor}, load ${machine.load.toFixed(1)} at the start.`,
  ].join('\n');
}

function explanation({ id, what, missing, others, notes }: Figure): string[] {
  return [
    `${id}: ${what}`,
    ...(missing === undefined ? [] : [`  missing: ${missing}`]),
    ...others.map((series) => `  ${series.label}: ${spread(series)} ${series.unit}`),
    ...notes.map((note) => `  ${note}`),
    '',
  ];
}

function required({ requirement, result }: Figure): string {
  if (requirement === undefined) return '–';
  const { bound, value, next } = requirement;
  const sign = bound === 'at least' ? '≥' : '≤';
  const unit = result.unit === '' ? '' : ` ${result.unit}`;
  return `${sign} ${value}${unit}${next === undefined ? '' : `, then ${next}`}`;
}

function spread({ values }: Series): string {
  if (values.length === 0) return '–';
  return `${short(median(values))} (${short(Math.min(...values))}–${short(Math.max(...values))})`;
}

function middle(series: Series): string {
  if (series.values.length === 0) return '–';
  return `${short(median(series.values))} ${series.unit}`;
}

/** Three significant digits; more would claim too much. */
function short(value: number): string {
  return Math.abs(value) >= 1_000 ? value.toFixed(0) : value.toPrecision(3);
}

/** Writes everything that was measured, run by run, and the plots. @returns the paths. */
export function writeResults(
  directory: string,
  figures: readonly Figure[],
  { runs, quick, sizes }: Conditions,
  machine: Machine,
  time: Date,
): readonly string[] {
  mkdirSync(directory, { recursive: true });
  const base = join(directory, time.toISOString().replaceAll(':', '-'));
  const results = figures.map((figure) => ({ ...figure, verdict: verdictOf(figure, { quick }) }));
  const files: (readonly [path: string, content: string])[] = [
    [
      `${base}.json`,
      `${JSON.stringify({ time, machine, runs, quick, sizes, figures: results }, undefined, 2)}\n`,
    ],
    ...figures
      .flatMap(({ plots = [] }) => plots)
      .map((plot) => [`${base}-${plot.name}.svg`, svgOf(plot)] as const),
  ];
  for (const [path, content] of files) writeFileSync(path, content);
  return files.map(([path]) => path);
}
