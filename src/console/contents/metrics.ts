/** The figures of the service in Prometheus' text format, by subject and with their units. */
import { count, size, span, utc } from '../base/format.ts';

/** One figure. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric: its figures, or for a histogram the distribution for each set of labels. */
export interface Metric {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly samples: readonly Sample[];
  readonly distributions: readonly Distribution[];
}

/** How often something took how long. */
export interface Distribution {
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
  readonly sum: number;
  /** The upper bounds of the buckets with how many are below each, in their order. */
  readonly buckets: readonly (readonly [bound: number, below: number])[];
}

/** A line: a name, labels in braces, a number. */
const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(NaN|[+-]?Inf|[+-]?[\d.]+(?:[eE][+-]?\d+)?)(?:\s|$)/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

interface Building {
  kind: string;
  help: string;
  readonly samples: Sample[];
  readonly distributions: Map<
    string,
    { labels: Record<string, string>; count: number; sum: number; buckets: (readonly [number, number])[] }
  >;
}

/** Reads all metrics of an answer, in its order. What is not a line of the format is left out. */
export function metricsIn(text: string): Metric[] {
  const found = new Map<string, Building>();
  const metric = (name: string) => {
    const known = found.get(name) ?? { kind: '', help: '', samples: [], distributions: new Map() };
    found.set(name, known);
    return known;
  };
  for (const row of text.split('\n')) {
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(row) ?? [];
    if (what === 'HELP') metric(name).help = unescaped(rest);
    else if (what === 'TYPE') metric(name).kind = rest;
    else if (!row.startsWith('#')) addLine(row, found, metric);
  }
  return [...found]
    .map(([name, { distributions, ...one }]) => ({
      name,
      ...one,
      distributions: [...distributions.values()],
    }))
    .filter(({ samples, distributions }) => samples.length + distributions.length > 0);
}

function addLine(row: string, found: Map<string, Building>, metric: (name: string) => Building): void {
  const [, name, inBraces = '', number = ''] = line.exec(row) ?? [];
  if (name === undefined) return;
  const value = numberOf(number);
  const labels = Object.fromEntries(
    [...inBraces.matchAll(label)].map(([, key = '', text = '']) => [key, unescaped(text)]),
  );
  const [, base = '', part] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  if (part === undefined || found.get(base)?.kind !== 'histogram') {
    metric(name).samples.push({ labels, value });
    return;
  }
  const { le = '', ...others } = labels;
  const { distributions } = metric(base);
  const key = JSON.stringify(others);
  const known = distributions.get(key) ?? { labels: others, count: 0, sum: 0, buckets: [] };
  distributions.set(key, known);
  if (part === 'bucket') known.buckets.push([numberOf(le), value]);
  else known[part as 'sum' | 'count'] = value;
}

function numberOf(text: string): number {
  if (/^[+-]?Inf$/.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_all, character: string) => (character === 'n' ? '\n' : character));
}

/** The upper bound of the bucket in which a part of all lies. @param part from 0 to 1. Undefined: nothing was counted. */
export function quantile({ count: all, buckets }: Distribution, part: number): number | undefined {
  if (all === 0) return undefined;
  return buckets.find(([, below]) => below >= all * part)?.[0];
}

const subjects: readonly (readonly [subject: string, names: RegExp])[] = [
  ['Store', /^artifacta_(?:store_|ready$|build_info$)/],
  ['Contents on their way to storage', /^artifacta_blobs_/],
  ['Bucket', /^artifacta_(?:bucket|redirects)_/],
  ['Index', /^artifacta_(?:index|shipping|replica)_/],
  ['Calls', /^artifacta_(?:rpc|grpc)_/],
  [
    'Requests and answers in memory',
    /^artifacta_(?:\w+_)?(?:answers|bytes|connections|requests)(?:_total)?$/,
  ],
  ['Process', /^(?:process|nodejs)_/],
];

/** Metrics of one subject. */
interface Subject {
  readonly subject: string;
  readonly metrics: readonly Metric[];
}

/** Puts metrics of one subject together. Every metric is in one of them. */
export function bySubject(metrics: readonly Metric[]): Subject[] {
  const of = ({ name }: Metric) => subjects.find(([, names]) => names.test(name))?.[0] ?? 'Others';
  const grouped = Map.groupBy(metrics, of);
  return [...subjects.map(([subject]) => subject), 'Others'].flatMap((subject) => {
    const found = grouped.get(subject);
    return found === undefined ? [] : [{ subject, metrics: found }];
  });
}

/** A figure with the unit that the name of its metric has. */
export function figure(name: string, value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (/_start_time_seconds$|_timestamp_seconds$/.test(name)) return utc(value * 1_000);
  if (/_bytes(?:_total)?$/.test(name)) return size(Math.round(value));
  if (/_seconds(?:_total)?$/.test(name)) return seconds(value);
  return Number.isInteger(value) ? count(value) : value.toPrecision(4);
}

/** A time: `0.8 ms`, `12 ms`, `3.4 s`, `5 min`. */
export function seconds(value: number): string {
  if (value === 0) return '0 s';
  if (value < 0.1) return `${(value * 1_000).toPrecision(2)} ms`;
  return value < 120 ? `${Number(value.toPrecision(3))} s` : span(value * 1_000);
}
