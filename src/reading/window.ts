/** Which piece of a content is wanted, and what it is like. Numbers are checked before; texts where they are used. */

/** From a byte on. */
export interface ByteWindow {
  readonly kind: 'bytes';
  /** From 0. */
  readonly offset: number;
  /** Undefined: to the end. */
  readonly limit: number | undefined;
}

/** From a line on; the first lines are the same from 1. */
export interface LineWindow {
  readonly kind: 'lines' | 'head';
  /** From 1. */
  readonly first: number;
  /** Undefined: to the end. */
  readonly count: number | undefined;
}

/** The last lines. */
export interface TailWindow {
  readonly kind: 'tail';
  readonly lines: number;
}

/** Lines that match, with those around them. */
export interface GrepWindow {
  readonly kind: 'grep';
  readonly pattern: string;
  readonly ignoreCase: boolean;
  readonly before: number;
  readonly after: number;
  /** In one answer. */
  readonly matchesMax: number;
  readonly invert: boolean;
}

/** One value of a JSON document. */
interface JsonWindow {
  readonly kind: 'json';
  readonly pointer: string;
}

/** Rows of a table. */
export interface CsvWindow {
  readonly kind: 'csv';
  /** From 1. */
  readonly first: number;
  /** Undefined: to the end. */
  readonly count: number | undefined;
  /** Empty: all. */
  readonly columns: readonly string[];
  /** One ASCII character; empty: as the content type says. */
  readonly delimiter: string;
}

/** One of the ways to look at a content. */
export type Window = ByteWindow | LineWindow | TailWindow | GrepWindow | JsonWindow | CsvWindow;

/** A line that matched. */
export interface Match {
  /** From 1. */
  readonly line: number;
  /** Of its first byte in the content. */
  readonly offset: number;
  /** Its number among the lines of the answer, from 1. */
  readonly textLine: number;
}

/** A piece of a content. */
export interface Reading<Place> {
  readonly content: { readonly text: string } | { readonly data: Uint8Array };
  /** In the content, from 0; undefined where the answer is no piece of it. */
  readonly startOffset?: number;
  readonly endOffset?: number;
  /** Number of the first line (or row), from 1; undefined where it is not known. */
  readonly firstLine?: number;
  readonly matches?: readonly Match[];
  /**
   * How many lines (or rows) were not well-formed, so that U+FFFD stands in them, among those that this answer is the
   * first to show; a search counts those that it is the first to look at. Default 0.
   */
  readonly malformedLines?: number;
  /** Where the next answer goes on; undefined: there is no more. A plain value that JSON can hold. */
  readonly next?: Place | undefined;
}
