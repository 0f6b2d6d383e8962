/** What of a condition the index can answer: which lists may drive a query, and which it can be tested against. */
import { type Condition, isInOrder, type Order, toFilter } from './condition.ts';
import type { Catalog, List } from './list.ts';
import { always, type Bounds } from './suffix.ts';

/** Something that holds every match. */
export type Candidate =
  | { readonly kind: 'list'; readonly list: List }
  | { readonly kind: 'union'; readonly of: readonly Candidate[] }
  /** Each of them holds every match, and maybe more: the shortest will do. */
  | { readonly kind: 'choice'; readonly of: readonly Candidate[] };

/** One of the conditions that must all be met. */
export interface Factor {
  readonly condition: Condition;
  /** Undefined if no list holds what meets it. */
  readonly candidate: Candidate | undefined;
  /** What meets it is in none of this list, and all that is not in it does. */
  readonly without: List | undefined;
}

/** A condition taken apart. */
export interface Analysis {
  readonly bounds: Bounds;
  readonly factors: readonly Factor[];
}

/** @param condition undefined: everything matches. */
export function analyse(condition: Condition | undefined, catalog: Catalog): Analysis {
  let bounds = always;
  const factors: Factor[] = [];
  for (const factor of condition === undefined ? [] : conjuncts(condition)) {
    const narrowed = boundsOf(factor);
    if (narrowed !== undefined) bounds = intersection(bounds, narrowed);
    else
      factors.push({
        condition: factor,
        candidate: candidateOf(factor, catalog),
        without: factor.kind === 'not' ? exactList(factor.of, catalog) : undefined,
      });
  }
  return { bounds, factors };
}

function conjuncts(condition: Condition): Condition[] {
  return condition.kind === 'and' ? condition.of.flatMap(conjuncts) : [condition];
}

function exactList(condition: Condition, catalog: Catalog): List | undefined {
  return condition.kind === 'test' ? catalog.listOf(condition.field, condition.test) : undefined;
}

function candidateOf(condition: Condition, catalog: Catalog): Candidate | undefined {
  if (condition.kind === 'test') {
    const list = catalog.listOf(condition.field, condition.test);
    if (list !== undefined) return { kind: 'list', list };
    const around = catalog.listAround?.(condition.field, condition.test);
    if (around !== undefined) return { kind: 'choice', of: [{ kind: 'list', list: around }] };
    const union = catalog.unionOf?.(condition.field, condition.test);
    return union && { kind: 'union', of: union.map((one) => ({ kind: 'list', list: one })) };
  }
  if (condition.kind === 'not') return undefined;
  const parts = condition.of.map((one) => candidateOf(one, catalog));
  if (condition.kind === 'or') {
    const all = parts.filter((part) => part !== undefined);
    return all.length === parts.length ? { kind: 'union', of: all } : undefined;
  }
  const some = parts.filter((part) => part !== undefined);
  if (some.length === 0) return undefined;
  return some.length === 1 ? some[0] : { kind: 'choice', of: some };
}

/** What a test of the create time says of ids, whose time that is; undefined if the condition is anything else. */
function boundsOf(condition: Condition): Bounds | undefined {
  if (condition.kind !== 'test' || condition.field.name !== 'create_time') return undefined;
  const { test } = condition;
  if (test.is !== 'number' || test.order === '!=') return undefined;
  const { order, number } = test;
  return { from: smallest(order, number), to: largest(order, number) };
}

function smallest(order: Order, number: number): number {
  if (order === '<' || order === '<=') return always.from;
  const whole = Math.ceil(number);
  return isInOrder(whole, order, number) || order === '=' ? whole : whole + 1;
}

function largest(order: Order, number: number): number {
  if (order === '>' || order === '>=') return always.to;
  const whole = Math.floor(number);
  return isInOrder(whole, order, number) || order === '=' ? whole : whole - 1;
}

function intersection(a: Bounds, b: Bounds): Bounds {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/** The lists of a candidate. */
export function listsOf(candidate: Candidate): List[] {
  return candidate.kind === 'list' ? [candidate.list] : candidate.of.flatMap(listsOf);
}

/** What a factor asks, for people. */
export function describe(factor: Factor): string {
  return toFilter(factor.condition);
}
