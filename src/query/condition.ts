/** The meaning of a filter, once its fields and values are known to make sense, and whether something matches it. */

/** A field that filters can name. */
export type FieldName =
  | 'session'
  | 'name'
  | 'content_type'
  | 'sha256'
  | 'size_bytes'
  | 'create_time'
  | 'seal_time'
  | 'expire_time'
  | 'session.state'
  | 'session.outcome';

/** A field, or one key of a map. */
export type Field =
  | { readonly name: FieldName }
  | { readonly name: 'metadata' | 'labels'; readonly key: string };

/** The comparison of a number. */
export type Order = '<' | '<=' | '>' | '>=' | '=' | '!=';

/** The test of a field's value. A field without a value matches no test; that includes `present`. */
export type Test =
  | { readonly is: 'present' }
  | { readonly is: 'equal' | 'different' | 'prefix' | 'notPrefix'; readonly text: string }
  /** Compares a text as the number that it spells, and matches no text that is not a number. */
  | { readonly is: 'number'; readonly order: Order; readonly number: number };

/** A test of a text. */
export type TextTest = Extract<Test, { readonly text: string }>;

/** A filter that makes sense. The numbers of times are milliseconds since the Unix epoch, possibly with a fraction. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'test'; readonly field: Field; readonly test: Test };

/** Returns true if the test of a content type asks for its parameters too. */
export function asksForParameters(test: Test): boolean {
  return 'text' in test && test.text.includes(';');
}

/**
 * Returns a function that says whether something matches, from the values of its fields. NOT is the complement: it matches
 * what lacks the field.
 *
 * @param fieldOf returns the value of a field as the test compares it, or undefined if the field has none.
 */
export function matcher<T>(
  condition: Condition,
  fieldOf: (subject: T, field: Field, test: Test) => string | number | undefined,
): (subject: T) => boolean {
  switch (condition.kind) {
    case 'test': {
      const { field, test } = condition;
      return (subject) => passes(test, fieldOf(subject, field, test));
    }
    case 'not': {
      const of = matcher(condition.of, fieldOf);
      return (subject) => !of(subject);
    }
    default: {
      const of = condition.of.map((one) => matcher(one, fieldOf));
      const isAnd = condition.kind === 'and';
      return (subject) => {
        for (const one of of) if (one(subject) !== isAnd) return !isAnd;
        return isAnd;
      };
    }
  }
}

function passes(test: Test, value: string | number | undefined): boolean {
  if (value === undefined) return false;
  switch (test.is) {
    case 'present':
      return true;
    case 'equal':
      return value === test.text;
    case 'different':
      return value !== test.text;
    case 'prefix':
      return String(value).startsWith(test.text);
    case 'notPrefix':
      return !String(value).startsWith(test.text);
    case 'number': {
      const number = typeof value === 'number' ? value : parseNumber(value);
      return number !== undefined && isInOrder(number, test.order, test.number);
    }
  }
}

/** Parses a decimal number in the form of JSON, also with a plus sign; undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  return /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Returns true if `a order b`. */
export function isInOrder(a: number, order: Order, b: number): boolean {
  switch (order) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '=':
      return a === b;
    case '!=':
      return a !== b;
  }
}

/** Returns the condition as a filter, with every parenthesis written out and every time absolute. */
export function toFilter(condition: Condition): string {
  switch (condition.kind) {
    case 'test':
      return testToFilter(condition.field, condition.test);
    case 'not':
      return `NOT ${inParentheses(condition.of)}`;
    default:
      return condition.of.map(inParentheses).join(condition.kind === 'and' ? ' AND ' : ' OR ');
  }
}

function inParentheses(condition: Condition): string {
  return condition.kind === 'test' ? toFilter(condition) : `(${toFilter(condition)})`;
}

const texts = {
  equal: ['=', ''],
  different: ['!=', ''],
  prefix: ['=', '*'],
  notPrefix: ['!=', '*'],
} as const;

function testToFilter(field: Field, test: Test): string {
  const name = 'key' in field ? `${field.name}.${JSON.stringify(field.key)}` : field.name;
  if (test.is === 'present') return `${name}:*`;
  if (test.is === 'number') return `${name} ${test.order} ${numberToFilter(field.name, test.number)}`;
  const [operator, end] = texts[test.is];
  return `${name} ${operator} "${test.text.replaceAll(/["\\*]/g, '\\$&')}${end}"`;
}

function numberToFilter(name: string, number: number): string {
  if (!name.endsWith('_time')) return String(number);
  const limit = 8.64e15;
  return new Date(Math.min(limit, Math.max(-limit, number))).toISOString();
}
