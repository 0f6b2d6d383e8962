/**
 * The part of a condition that the index can answer: the lists that may drive a query, and the lists for testing its
 * entries.
 */

import { type Fact, type Signature, signatureOf } from '../index/signature.ts';
import { type Condition, isInOrder, type Order, toFilter } from './condition.ts';
import type { Catalog, List } from './list.ts';
import { always, type TimeSpan } from './suffix.ts';

/** A list, or several, that contain every match. */
export type Candidate =
  | { readonly kind: 'list'; readonly list: List }
  | { readonly kind: 'union'; readonly of: readonly Candidate[] }
  /** Each of them contains every match, and possibly more: the shortest is enough. */
  | { readonly kind: 'choice'; readonly of: readonly Candidate[] };

/** One of the conditions that must all be met. */
export interface Factor {
  readonly condition: Condition;
  /** Undefined if no list contains the things that meet it. */
  readonly candidate: Candidate | undefined;
  /** A list without any thing that meets it. All things that are not in the list meet it. */
  readonly without: List | undefined;
  /** The fact that the things have that meet it; undefined if signatures do not say it. */
  readonly fact: Fact | undefined;
}

/** A condition split into its factors. */
export interface Analysis {
  readonly span: TimeSpan;
  readonly factors: readonly Factor[];
  /** The signature that every match has at least; undefined if signatures say nothing. */
  readonly wanted: Signature | undefined;
}

/** @param condition undefined: everything matches. */
export function analyse(condition: Condition | undefined, catalog: Catalog): Analysis {
  let span = always;
  const factors: Factor[] = [];
  for (const factor of condition === undefined ? [] : conjuncts(condition)) {
    const narrowed = spanOf(factor);
    if (narrowed !== undefined) span = intersection(span, narrowed);
    else
      factors.push({
        condition: factor,
        candidate: candidateOf(factor, catalog),
        without: factor.kind === 'not' ? exactList(factor.of, catalog) : undefined,
        fact: factor.kind === 'test' ? catalog.factOf?.(factor.field, factor.test) : undefined,
      });
  }
  const known = factors.flatMap(({ fact }) => fact ?? []);
  return { span, factors, wanted: known.length === 0 ? undefined : signatureOf(known) };
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

/**
 * Returns the span that a test of the create time sets for ids, which contain that time; undefined if the condition is
 * anything else.
 */
function spanOf(condition: Condition): TimeSpan | undefined {
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

function intersection(a: TimeSpan, b: TimeSpan): TimeSpan {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/** Returns the lists of a candidate. */
export function listsOf(candidate: Candidate): List[] {
  return candidate.kind === 'list' ? [candidate.list] : candidate.of.flatMap(listsOf);
}

/** Returns a factor in words, for people. */
export function describe(factor: Factor): string {
  return toFilter(factor.condition);
}
