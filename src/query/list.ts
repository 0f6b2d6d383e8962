/** Lists that the index keeps: the things that pass one test, newest first. */
import type { Key } from '../index/row.ts';
import type { Fact } from '../index/signature.ts';
import type { Field, Test } from './condition.ts';
import type { Suffix } from './suffix.ts';

/** Where the members of a list are. */
export type Where =
  | { readonly prefix: Key }
  /** Members that are known without the index; newest first. */
  | { readonly members: readonly Suffix[] };

/** A list, with the condition for its members. */
export type List = Where & { readonly what: string };

/** The lists of one kind of thing. */
export interface Catalog {
  /** The list of all things. */
  readonly all: List;
  /** Returns the list of exactly those that pass the test; undefined if no such list exists. */
  listOf(field: Field, test: Test): List | undefined;
  /** Returns the fact that exactly those have that pass the test; undefined if signatures have no such fact. */
  factOf?(field: Field, test: Test): Fact | undefined;
  /** If no exact list exists: returns one that has them among others; undefined if none does either. */
  listAround?(field: Field, test: Test): List | undefined;
  /**
   * If no exact list exists: returns lists that together have exactly those; undefined if none do, or too many are
   * needed.
   */
  unionOf?(field: Field, test: Test): readonly List[] | undefined;
}
