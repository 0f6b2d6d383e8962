/** Reads Prometheus' text format 0.0.4, and is stricter than Prometheus. */

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/y;

/** @throws Error that names the line which is wrong. */
export function parseScrape(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const series = new Set<string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`twice: ${line}`);
      current = name;
      families.set(name, { type: '', help: rest, samples: [] });
    } else if (keyword === 'TYPE') {
      const family = families.get(name);
      if (family === undefined || name !== current || family.type !== '')
        throw new Error(`misplaced: ${line}`);
      if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`no such type: ${line}`);
      family.type = rest;
    } else {
      const sample = parseSample(line);
      const family = families.get(current);
      if (family === undefined || !belongs(sample.name, current, family.type))
        throw new Error(`outside its family: ${line}`);
      const id = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (series.has(id)) throw new Error(`twice: ${line}`);
      series.add(id);
      family.samples.push(sample);
    }
  }
  for (const [name, family] of families) {
    if (family.type === 'histogram') checkHistogram(name, family.samples);
    if (family.type === 'counter' && !name.endsWith('_total')) throw new Error(`a counter called ${name}`);
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name, labelText = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < labelText.length) {
    const at = label.lastIndex;
    const [, key, text] = label.exec(labelText) ?? [];
    if (key === undefined || text === undefined) throw new Error(`not a label at ${at}: ${line}`);
    if (key in labels) throw new Error(`a label twice: ${line}`);
    labels[key] = text.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return { name, labels, value: numberOf(value) };
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(`${text}inity`) : Number(text);
}

function belongs(sample: string, family: string, type: string): boolean {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((end) => sample === family + end);
  return type !== '' && sample === family;
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...others } }) => JSON.stringify(others));
  for (const [labels, group] of groups) {
    const one = (end: string) => group.filter((sample) => sample.name === name + end);
    const buckets = one('_bucket').map(({ labels: { le }, value }) => [numberOf(le!), value] as const);
    const [count, ...others] = one('_count');
    const isAscending = buckets.every(
      ([bound, value], at) => at === 0 || (bound > buckets[at - 1]![0] && value >= buckets[at - 1]![1]),
    );
    const last = buckets.at(-1);
    if (!isAscending || others.length > 0 || one('_sum').length !== 1) throw new Error(`${name}${labels}`);
    if (last?.[0] !== Number.POSITIVE_INFINITY || last[1] !== count?.value)
      throw new Error(`${name}${labels}`);
  }
}
