/** Filters at random, and what they mean, said twice more: in plain code and in SQL. Nothing of `src/query` is used. */
import fc from 'fast-check';

type Leaf =
  | {
      readonly on: 'text';
      readonly field: TextField;
      readonly operator: TextOperator;
      readonly value: string;
    }
  | { readonly on: 'word'; readonly field: WordField; readonly operator: '=' | '!='; readonly value: string }
  | {
      readonly on: 'number';
      readonly field: NumberField;
      readonly operator: NumberOperator;
      readonly value: number;
    }
  | { readonly on: 'set'; readonly field: 'expire_time' }
  | {
      readonly on: 'map';
      readonly map: MapName;
      readonly key: string;
      readonly operator: TextOperator;
      readonly value: string;
    }
  | {
      readonly on: 'mapNumber';
      readonly map: MapName;
      readonly key: string;
      readonly operator: '<' | '<=' | '>' | '>=';
      readonly value: number;
    }
  | { readonly on: 'key'; readonly map: MapName; readonly key: string };

type TextField = 'session' | 'name' | 'content_type';
type WordField = 'session.state' | 'session.outcome';
type NumberField = 'size_bytes' | 'create_time' | 'expire_time';
type MapName = 'metadata' | 'labels';
type TextOperator = '=' | '!=' | 'begins' | 'begins not';
type NumberOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Tree =
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Tree[] }
  | { readonly kind: 'not'; readonly of: Tree };

/** What a filter is asked about. */
export interface Row {
  readonly id: string;
  readonly session: string;
  readonly name: string;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly create_time: number;
  readonly expire_time: number | undefined;
  readonly 'session.state': string;
  readonly 'session.outcome': string | undefined;
  readonly metadata: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
}

/** Few enough that things often have them in common. */
export const words = {
  session: ['s1', 's2', 's3', 'none'],
  name: ['a', 'b', 'dir/a', 'dir/b*', ...Array.from({ length: 20 }, (_, at) => `n${at}`)],
  content_type: ['text/plain', 'text/csv', 'application/json'],
  key: ['k', 'other', 'dotted.key'],
  value: ['', '1', '2', '10', '-3.5', 'x', 'xy', 'x"\\*'],
  states: ['OPEN', 'SEALED'],
  outcomes: ['SUCCEEDED', 'FAILED'],
} as const;

const textOperator = fc.constantFrom<TextOperator>('=', '=', '!=', 'begins', 'begins not');
const numberOperator = fc.constantFrom<NumberOperator>('=', '!=', '<', '<=', '>', '>=');
const map = fc.constantFrom<MapName>('metadata', 'labels');
const key = fc.constantFrom(...words.key);

/** @param start the time around which things are made, in milliseconds. */
export function treeAround(start: number): fc.Arbitrary<Tree> {
  const time = fc.integer({ min: -2, max: 40 }).map((steps) => start + steps * 500);
  const leaf = fc.oneof<fc.Arbitrary<Leaf>[]>(
    fc.constantFrom<TextField>('session', 'name', 'content_type').chain((field) =>
      fc.record({
        on: fc.constant('text' as const),
        field: fc.constant(field),
        operator: textOperator,
        value: fc.constantFrom(...words[field]),
      }),
    ),
    fc.record({
      on: fc.constant('map' as const),
      map,
      key,
      operator: textOperator,
      value: fc.constantFrom(...words.value),
    }),
    fc.record({
      on: fc.constant('map' as const),
      map,
      key,
      operator: fc.constant('=' as const),
      value: fc.constantFrom(...words.value),
    }),
    fc.record({
      on: fc.constant('mapNumber' as const),
      map,
      key,
      operator: fc.constantFrom('<', '<=', '>', '>='),
      value: fc.constantFrom(-4, 1, 1.5, 2, 10),
    }),
    fc.record({ on: fc.constant('key' as const), map, key }),
    fc.record({
      on: fc.constant('number' as const),
      field: fc.constant('size_bytes' as const),
      operator: numberOperator,
      value: fc.integer({ min: 0, max: 4 }),
    }),
    fc.record({
      on: fc.constant('number' as const),
      field: fc.constantFrom('create_time', 'create_time', 'expire_time'),
      operator: numberOperator,
      value: time,
    }),
    fc.constant({ on: 'set' as const, field: 'expire_time' as const }),
    fc.record({
      on: fc.constant('word' as const),
      field: fc.constant('session.state' as const),
      operator: fc.constantFrom('=', '!='),
      value: fc.constantFrom(...words.states),
    }),
    fc.record({
      on: fc.constant('word' as const),
      field: fc.constant('session.outcome' as const),
      operator: fc.constantFrom('=', '!='),
      value: fc.constantFrom(...words.outcomes),
    }),
  );
  return fc.letrec<{ tree: Tree; leaf: Tree; not: Tree; many: Tree }>((tie) => ({
    tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('many'), tie('not')),
    leaf: leaf.map((one) => ({ kind: 'leaf', leaf: one })),
    not: tie('tree').map((of) => ({ kind: 'not', of })),
    many: fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 2, maxLength: 3 }))
      .map(([kind, of]) => ({ kind: kind as 'and' | 'or', of })),
  })).tree;
}

/** The tree in the filter language. */
export function toText(tree: Tree): string {
  if (tree.kind === 'leaf') return leafToText(tree.leaf);
  if (tree.kind === 'not') return `NOT (${toText(tree.of)})`;
  return tree.of.map((one) => `(${toText(one)})`).join(` ${tree.kind.toUpperCase()} `);
}

function leafToText(leaf: Leaf): string {
  const quoted = (text: string) => text.replaceAll(/["\\*]/g, '\\$&');
  const comparison = (field: string, operator: string, value: string) => {
    if (operator === 'begins') return `${field} = "${quoted(value)}*"`;
    if (operator === 'begins not') return `${field} != "${quoted(value)}*"`;
    return `${field} ${operator} "${quoted(value)}"`;
  };
  switch (leaf.on) {
    case 'text':
    case 'word':
      return comparison(leaf.field, leaf.operator, leaf.value);
    case 'map':
      return comparison(`${leaf.map}."${leaf.key}"`, leaf.operator, leaf.value);
    case 'mapNumber':
      return `${leaf.map}."${leaf.key}" ${leaf.operator} ${leaf.value}`;
    case 'key':
      return `${leaf.map}:"${leaf.key}"`;
    case 'set':
      return `${leaf.field}:*`;
    case 'number': {
      const value = leaf.field === 'size_bytes' ? String(leaf.value) : new Date(leaf.value).toISOString();
      return `${leaf.field} ${leaf.operator} ${value}`;
    }
  }
}

/** Whether the row matches, in plain code. */
export function isMatch(tree: Tree, row: Row): boolean {
  if (tree.kind === 'not') return !isMatch(tree.of, row);
  if (tree.kind === 'leaf') return isLeafMatch(tree.leaf, row);
  return tree.kind === 'and'
    ? tree.of.every((one) => isMatch(one, row))
    : tree.of.some((one) => isMatch(one, row));
}

function isLeafMatch(leaf: Leaf, row: Row): boolean {
  if (leaf.on === 'key') return row[leaf.map].has(leaf.key);
  if (leaf.on === 'set') return row.expire_time !== undefined;
  const value = leaf.on === 'map' || leaf.on === 'mapNumber' ? row[leaf.map].get(leaf.key) : row[leaf.field];
  if (value === undefined) return false;
  if (leaf.on === 'mapNumber' && !/^-?\d+(\.\d+)?$/.test(String(value))) return false;
  const [left, right] =
    typeof leaf.value === 'number' ? [Number(value), leaf.value] : [String(value), leaf.value];
  switch (leaf.operator) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case 'begins':
      return String(left).startsWith(String(right));
    case 'begins not':
      return !String(left).startsWith(String(right));
  }
}

/** The tree as a condition on the tables that `sqlite.ts` makes. */
export function toSql(tree: Tree): string {
  if (tree.kind === 'not') return `NOT ${toSql(tree.of)}`;
  if (tree.kind !== 'leaf') return `(${tree.of.map(toSql).join(` ${tree.kind.toUpperCase()} `)})`;
  const { leaf } = tree;
  const pair = (rest: string) =>
    'map' in leaf
      ? `EXISTS (SELECT 1 FROM pair WHERE pair.id = row.id AND map = ${literal(leaf.map)} AND key = ${literal(leaf.key)}${rest})`
      : '';
  switch (leaf.on) {
    case 'key':
      return pair('');
    case 'set':
      return '(expire_time IS NOT NULL)';
    case 'map':
      return pair(` AND ${compared('value', leaf.operator, leaf.value)}`);
    case 'mapNumber':
      // Of the values that the tests use these are numbers.
      return pair(` AND value GLOB '[-0-9]*' AND CAST(value AS REAL) ${leaf.operator} ${leaf.value}`);
    default:
      return `coalesce(${compared(`"${leaf.field}"`, leaf.operator, leaf.value)}, 0)`;
  }
}

function compared(column: string, operator: string, value: string | number): string {
  if (operator === 'begins') return `substr(${column}, 1, ${String(value).length}) = ${literal(value)}`;
  if (operator === 'begins not') return `substr(${column}, 1, ${String(value).length}) <> ${literal(value)}`;
  return `${column} ${operator === '!=' ? '<>' : operator} ${literal(value)}`;
}

function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
