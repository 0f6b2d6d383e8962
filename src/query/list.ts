/** Lists that the index keeps: what passes one test, newest first. */
import type { Key } from '../index/row.ts';
import type { Field, Test } from './condition.ts';
import type { Suffix } from './suffix.ts';

/** A list, and the condition that puts things into it. */
export type List = (
  | { readonly prefix: Key }
  /** Known without the index; newest first. */
  | { readonly members: readonly Suffix[] }
) & { readonly what: string };

/** The lists of one kind of thing. */
export interface Catalog {
  /** Of all. */
  readonly all: List;
  /** Of exactly those that pass the test; undefined if there is no such list. */
  listOf(field: Field, test: Test): List | undefined;
  /** Where there is none, one that holds those among others; undefined if there is none either. */
  listAround?(field: Field, test: Test): List | undefined;
  /** Where there is none, lists that hold exactly those together; undefined if there are none, or too many. */
  unionOf?(field: Field, test: Test): readonly List[] | undefined;
}
