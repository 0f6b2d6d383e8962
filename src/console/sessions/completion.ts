/** Completion of filters: names of fields, and values that the reader's own results have. */

/** What may be completed, from the results that the reader has. */
interface Known {
  readonly fields: readonly string[];
  /** Values by field. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** The part of the filter that a choice replaces, and the choices. */
interface Completion {
  readonly from: number;
  readonly to: number;
  readonly options: readonly string[];
}

/** The fields that every session has, with the values of those that have few. */
const fixed: Readonly<Record<string, readonly string[]>> = {
  session: [],
  'session.state': ['OPEN', 'SEALING', 'SEALED'],
  'session.outcome': ['SUCCEEDED', 'FAILED', 'CANCELLED', 'ABANDONED'],
  create_time: ['now-1h', 'now-1d', 'now-7d'],
  seal_time: ['now-1h', 'now-1d', 'now-7d'],
  expire_time: ['now+1d', 'now+7d', 'now+30d'],
};

/** The largest numbers of what is offered and remembered. */
const offeredMax = 12;
const keptMax = 50;

interface Described {
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** Returns what results show of keys and values. */
export function knownFrom(results: readonly Described[]): Known {
  const values = new Map<string, string[]>(
    Object.entries(fixed).map(([field, known]) => [field, [...known]]),
  );
  const note = (prefix: string, pairs: Readonly<Record<string, string>>) => {
    for (const [key, value] of Object.entries(pairs)) {
      const field = `${prefix}.${/^[\w-]+$/.test(key) ? key : quoted(key)}`;
      const found = values.get(field) ?? [];
      if (found.length < keptMax && !found.includes(value)) values.set(field, [...found, value]);
    }
  };
  for (const { metadata, labels } of results) {
    note('metadata', metadata);
    note('labels', labels);
  }
  return { fields: [...values.keys()], values };
}

/** Returns the choices for the text before the caret. */
export function complete(text: string, caret: number, { fields, values }: Known): Completion {
  const before = text.slice(0, caret);
  const none = { from: caret, to: caret, options: [] };
  const [, field, , value = ''] =
    /([\w.-]+(?:\."[^"]*")?)\s*(=|!=|<=|>=|<|>|:)\s*("[^"]*|[^\s()"]*)$/.exec(before) ?? [];
  if (field !== undefined) {
    const start = value.replace(/^"/, '').toLowerCase();
    const options = (values.get(field) ?? [])
      .filter((known) => known.toLowerCase().startsWith(start))
      .map((known) => (needsQuotes(known) ? quoted(known) : known));
    return { from: caret - value.length, to: caret, options: options.slice(0, offeredMax) };
  }
  const [word] = /[\w.-]*$/.exec(before) ?? [''];
  // Within quotes a word is part of a value.
  if ((before.split('"').length - 1) % 2 === 1) return none;
  const isAfterValue = /(?:["\w*)]\s+)$/.test(before.slice(0, before.length - word.length));
  const candidates = isAfterValue ? ['AND', 'OR'] : fields.map((name) => `${name} `);
  const options = candidates.filter(
    (name) => name.toLowerCase().startsWith(word.toLowerCase()) && name !== word,
  );
  return { from: caret - word.length, to: caret, options: options.slice(0, offeredMax) };
}

/** A text as a value of a filter. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\*]/g, '\\$&')}"`;
}

function needsQuotes(text: string): boolean {
  return text === '' || /[\s()"'\\=<>!,;*:]/.test(text);
}
