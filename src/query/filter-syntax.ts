/** The text of a filter, before its parts have a meaning. The grammar is `filter.peggy`. */
import { SyntaxError as ParserError, parse } from '../../gen/filter/parser.js';
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';

/** A filter as it is written. */
export type Expression =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | Comparison;

/** `field operator value`. */
export interface Comparison {
  readonly kind: 'comparison';
  readonly field: { readonly path: readonly string[]; readonly column: number };
  readonly operator: Operator;
  readonly value: Literal;
}

/** The operator between a field and a value, as it is written. */
export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':';

/** A value as it is written. */
export interface Literal {
  /** {@link star} stands for each `*` that was not escaped. */
  readonly text: string;
  readonly isQuoted: boolean;
  /** The column, from 1, in UTF-16 code units. */
  readonly column: number;
}

/** The character that the parser makes of an unescaped `*`. */
export const star = '\0';

/** Returns the failure for a filter that cannot be used. @param column from 1. */
export function filterFault(column: number, what: string): Failure {
  const description = `column ${column}: ${what}`;
  return new Failure('INVALID_ARGUMENT', `filter: ${description}`, {
    violations: [{ field: 'filter', description }],
    metadata: { column: String(column) },
  });
}

/** What was parsed last, by its text: every page of a listing has the same filter, and agents ask again. */
const parsedBefore = new Map<string, Expression>();
/** All are forgotten when they become more. */
const parsedBeforeMax = 256;

/** Parses a filter. Undefined for an empty one. @throws Failure INVALID_ARGUMENT, with the column. */
export function parseFilter(filter: string): Expression | undefined {
  const before = parsedBefore.get(filter);
  if (before !== undefined) return before;
  const expression = checkedAndParsed(filter);
  if (expression === undefined) return undefined;
  if (parsedBefore.size >= parsedBeforeMax) parsedBefore.clear();
  parsedBefore.set(filter, expression);
  return expression;
}

function checkedAndParsed(filter: string): Expression | undefined {
  const bytes = new TextEncoder().encode(filter).length;
  if (bytes > limits.filterBytesMax)
    throw filterFault(1, `must have at most ${limits.filterBytesMax} bytes, not ${bytes}`);
  if (filter.trim() === '') return undefined;
  checkText(filter);
  const expression = parsed(filter);
  const terms = countTerms(expression);
  if (terms > limits.filterTermsMax)
    throw filterFault(1, `must have at most ${limits.filterTermsMax} comparisons, not ${terms}`);
  return expression;
}

/** Checks what can be refused without the parser, which descends once for each parenthesis. */
function checkText(filter: string): void {
  if (filter.includes(star)) throw filterFault(filter.indexOf(star) + 1, 'must not contain a NUL character');
  let depth = 0;
  for (let at = 0; at < filter.length; at++) {
    const character = filter[at]!;
    if (character === '"' || character === "'") at = endOfText(filter, at);
    else if (character === '(' && ++depth > limits.filterDepthMax)
      throw filterFault(at + 1, `more than ${limits.filterDepthMax} parentheses are open`);
    else if (character === ')') depth--;
  }
}

/** Returns the position of the quotation mark that closes the one at `start`. */
function endOfText(filter: string, start: number): number {
  for (let at = start + 1; at < filter.length; at++) {
    if (filter[at] === filter[start]) return at;
    if (filter[at] !== '\\') continue;
    if (!`"'\\*`.includes(filter[++at] ?? ' '))
      throw filterFault(at, 'a backslash can only come before " \' \\ or *; write \\\\ for a backslash');
  }
  throw filterFault(start + 1, 'this quotation mark has no closing one');
}

function parsed(filter: string): Expression {
  try {
    return parse(filter);
  } catch (error) {
    if (!(error instanceof ParserError)) throw error;
    throw filterFault(error.location.start.offset + 1, expectation(error));
  }
}

function expectation(error: InstanceType<typeof ParserError>): string {
  const wanted = new Set(
    (error.expected ?? []).flatMap((one) => {
      if (one.type === 'end') return ['the end'];
      if (one.type === 'literal') return [one.text === ' ' ? '' : one.text];
      return one.type === 'other' && one.description !== 'white space' ? [one.description] : [];
    }),
  );
  const found = error.found === null ? 'the end' : JSON.stringify(error.found);
  return `expected ${listed([...wanted].filter((one) => one !== ''))}, but found ${found}`;
}

function listed(words: readonly string[]): string {
  if (words.length === 0) return 'something else';
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function countTerms(expression: Expression): number {
  if (expression.kind === 'comparison') return 1;
  if (expression.kind === 'not') return countTerms(expression.of);
  return expression.of.reduce((sum, one) => sum + countTerms(one), 0);
}
