/** From the text of a filter to its meaning: fields must exist, and values must fit them. */
import { mediaTypeOf, withParameters } from '../domain/content-type.ts';
import { parseSize } from '../domain/quantities.ts';
import type { Condition, Field, FieldName, Order, Test, TextTest } from './condition.ts';
import { parseNumber } from './condition.ts';
import {
  type Comparison,
  type Expression,
  filterFault,
  type Literal,
  type Operator,
  parseFilter,
  star,
} from './filter-syntax.ts';
import { parseInstant } from './instant.ts';

/** The kind of a field's value. */
type FieldKind =
  | { readonly type: 'text'; readonly fold?: (text: string) => string }
  | { readonly type: 'number' }
  | { readonly type: 'time' }
  | { readonly type: 'word'; readonly words: readonly string[] };

/** The fields that filters over one kind of thing can name, in addition to `metadata` and `labels`. */
type Fields = Readonly<Partial<Record<FieldName, FieldKind>>>;

const sessionFields: Fields = {
  session: { type: 'text' },
  'session.state': { type: 'word', words: ['OPEN', 'SEALING', 'SEALED'] },
  'session.outcome': { type: 'word', words: ['SUCCEEDED', 'FAILED', 'CANCELLED', 'ABANDONED'] },
};

/** The fields of artifacts. */
export const artifactFields: Fields = {
  name: { type: 'text' },
  content_type: { type: 'text', fold: foldContentType },
  sha256: { type: 'text', fold: (text) => text.toLowerCase() },
  size_bytes: { type: 'number' },
  create_time: { type: 'time' },
  expire_time: { type: 'time' },
  ...sessionFields,
};

/** The fields of sessions. */
export const sessionFieldsOfSessions: Fields = {
  create_time: { type: 'time' },
  seal_time: { type: 'time' },
  expire_time: { type: 'time' },
  ...sessionFields,
};

/**
 * Reads a filter.
 *
 * @param now the value of `now` in it, in milliseconds since the Unix epoch.
 * @returns undefined for an empty filter.
 * @throws Failure INVALID_ARGUMENT naming `filter`, with the column.
 */
export function readFilter(filter: string, fields: Fields, now: number): Condition | undefined {
  const expression = parseFilter(filter);
  return expression && conditionOf(expression, fields, now);
}

function conditionOf(expression: Expression, fields: Fields, now: number): Condition {
  switch (expression.kind) {
    case 'comparison':
      return testOf(expression, fields, now);
    case 'not':
      return { kind: 'not', of: conditionOf(expression.of, fields, now) };
    default:
      return { kind: expression.kind, of: expression.of.map((one) => conditionOf(one, fields, now)) };
  }
}

function testOf(comparison: Comparison, fields: Fields, now: number): Condition {
  const { path, column } = comparison.field;
  const map = path[0];
  if (map === 'metadata' || map === 'labels') {
    const [field, test] = testOfMap(map, comparison);
    return { kind: 'test', field, test };
  }
  const name = path.join('.');
  if (!isField(name, fields)) throw filterFault(column, unknownField(name, fields));
  const kind = fields[name]!;
  return { kind: 'test', field: { name }, test: testOfField(name, kind, comparison, now) };
}

function isField(name: string, fields: Fields): name is FieldName {
  return Object.hasOwn(fields, name);
}

function testOfMap(map: 'metadata' | 'labels', { field, operator, value }: Comparison): [Field, Test] {
  const [, key, ...more] = field.path;
  if (key === undefined) {
    const present = plainText(value);
    if (operator !== ':' || present === '')
      throw filterFault(
        field.column,
        `${map} is a map: write ${map}.KEY, or ${map}.KEY:* to test whether the key is set`,
      );
    return [{ name: map, key: present }, { is: 'present' }];
  }
  if (more.length > 0) {
    const whole = [key, ...more].join('.');
    throw filterFault(field.column, `a key with dots needs quotation marks: ${map}."${whole}"`);
  }
  // A quoted key may contain a star, which has no special meaning there.
  const of: Field = { name: map, key: key.replaceAll(star, '*') };
  if (operator === ':' && value.text === star) return [of, { is: 'present' }];
  const order = orders[operator];
  if (order === undefined) return [of, textTest(operator, value)];
  const number = parseNumber(value.text);
  if (number === undefined)
    throw filterFault(
      value.column,
      `${operator} compares ${map} as numbers, and ${shown(value)} is not a number`,
    );
  return [of, { is: 'number', order, number }];
}

const orders: Readonly<Partial<Record<Operator, Order>>> = { '<': '<', '<=': '<=', '>': '>', '>=': '>=' };

function testOfField(name: FieldName, kind: FieldKind, comparison: Comparison, now: number): Test {
  const { operator, value } = comparison;
  if (operator === ':' && value.text === star) return { is: 'present' };
  if (kind.type === 'number' || kind.type === 'time') {
    if (operator === ':')
      throw filterFault(
        value.column,
        `${name}:* tests whether ${name} is set; compare ${name} with = != < <= > >=`,
      );
    return { is: 'number', order: operator, number: numberOf(name, kind.type, value, now) };
  }
  if (orders[operator] !== undefined)
    throw filterFault(
      comparison.field.column,
      `${name} is text, which ${operator} cannot compare; use = or !=`,
    );
  const test = textTest(operator, value);
  if (kind.type === 'word') return wordTest(name, kind.words, test, value);
  return { ...test, text: kind.fold?.(test.text) ?? test.text };
}

function textTest(operator: Operator, value: Literal): TextTest {
  const isPrefix = value.text.endsWith(star);
  const text = isPrefix ? value.text.slice(0, -1) : value.text;
  if (text.includes(star))
    throw filterFault(
      value.column,
      'a * is a wildcard only at the end of a value; to search for the character *, write \\* in quotation marks',
    );
  if (operator === '!=') return { is: isPrefix ? 'notPrefix' : 'different', text };
  return { is: isPrefix ? 'prefix' : 'equal', text };
}

function wordTest(name: string, words: readonly string[], test: TextTest, value: Literal): Test {
  const text = test.text.toUpperCase();
  if ((test.is !== 'equal' && test.is !== 'different') || !words.includes(text))
    throw filterFault(value.column, `${name} is one of ${words.join(', ')}, not ${shown(value)}`);
  return { is: test.is, text };
}

function numberOf(name: string, type: 'number' | 'time', value: Literal, now: number): number {
  if (type === 'time') {
    const time = parseInstant(value.text, now);
    if (time !== undefined) return time;
    const description = `${name} is a time, such as 2026-01-02T03:04:05Z or now-7d, not ${shown(value)}`;
    throw filterFault(value.column, description);
  }
  const number = parseNumber(value.text) ?? parseSize(value.text);
  if (number !== undefined && Number.isSafeInteger(number)) return number;
  throw filterFault(value.column, `${name} is a whole number of bytes, not ${shown(value)}`);
}

/** Returns a content type for comparison. With a semicolon it asks for the parameters too. */
function foldContentType(text: string): string {
  return text.includes(';') ? withParameters(text) : mediaTypeOf(text);
}

/** Returns a text without a wildcard. */
function plainText({ text, column }: Literal): string {
  if (text.includes(star)) throw filterFault(column, 'a * has no meaning here');
  return text;
}

function shown({ text }: Literal): string {
  const plain = text.replaceAll(star, '*');
  return JSON.stringify(plain.length > 64 ? `${plain.slice(0, 64)}…` : plain);
}

function unknownField(name: string, fields: Fields): string {
  const known = [...Object.keys(fields), 'metadata.KEY', 'labels.KEY'];
  const near = known.map((one) => [distance(name, one), one] as const).sort(([a], [b]) => a - b)[0]!;
  const hint = near[0] <= 3 ? `; did you mean ${near[1]}?` : `; fields are ${known.join(', ')}`;
  return `no field is named ${name.slice(0, 64)}${hint}`;
}

/** Returns the number of characters that must be inserted, removed or replaced: Levenshtein's distance, row by row. */
function distance(a: string, b: string): number {
  if (a.length > 64) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
