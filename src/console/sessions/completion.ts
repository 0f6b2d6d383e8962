/** Completion of filters: names of fields, and values that the listed sessions have or that the service lists. */

/** What may be completed. */
export interface Known {
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
      const field = nameOfKey(prefix, key);
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

/** A question for the service: the values of a field, or its keys, that begin with a text. */
interface Question {
  /** As filters name it. */
  readonly field: string;
  readonly prefix: string;
}

/** Returns the question that the service can answer about the text before the caret. */
export function questionOf(text: string, caret: number): Question | undefined {
  const before = text.slice(0, caret);
  const [, field, typed] = valuePattern.exec(before) ?? [];
  if (field !== undefined) {
    const isListed = field === 'session' || /^(?:metadata|labels)\./.test(field);
    return isListed ? { field, prefix: unquoted(typed ?? '') } : undefined;
  }
  const [, map, key] = /(?:^|[\s(])(metadata|labels)\.("[^"]*|[\w-]*)$/.exec(before) ?? [];
  return map === undefined ? undefined : { field: map, prefix: unquoted(key ?? '') };
}

/** Returns what is known with an answer of the service in addition. */
export function withAnswer({ values }: Known, { field }: Question, answer: readonly string[]): Known {
  const all = new Map(values);
  if (field === 'metadata' || field === 'labels') {
    for (const key of answer) {
      const name = nameOfKey(field, key);
      if (!all.has(name)) all.set(name, []);
    }
  } else all.set(field, [...new Set([...(all.get(field) ?? []), ...answer])]);
  return { fields: [...all.keys()], values: all };
}

function unquoted(text: string): string {
  return text.replace(/^"/, '').replace(/\\(.)/g, '$1');
}

function nameOfKey(map: string, key: string): string {
  return `${map}.${/^[\w-]+$/.test(key) ? key : quoted(key)}`;
}

/** A comparison at the end of a text: its field, and as much of its value as is typed. */
const valuePattern = /([\w.-]+(?:\."[^"]*")?)\s*(?:=|!=|<=|>=|<|>|:)\s*("[^"]*|[^\s()"]*)$/;

/** Returns the choices for the text before the caret. */
export function complete(text: string, caret: number, { fields, values }: Known): Completion {
  const before = text.slice(0, caret);
  const none = { from: caret, to: caret, options: [] };
  const [, field, value = ''] = valuePattern.exec(before) ?? [];
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
