/** The requested piece of a content, and the answer. Numbers are checked before; texts where they are used. */

/** Bytes from one on. */
export interface ByteWindow {
  readonly kind: 'bytes';
  /** The first byte, from 0. */
  readonly offset: number;
  /** Undefined: to the end. */
  readonly limit: number | undefined;
}

/** Lines from one on; the first lines are the same from 1. */
export interface LineWindow {
  readonly kind: 'lines' | 'head';
  /** The first line, from 1. */
  readonly first: number;
  /** Undefined: to the end. */
  readonly count: number | undefined;
}

/** The last lines. */
export interface TailWindow {
  readonly kind: 'tail';
  readonly lines: number;
}

/** Lines that match, with the lines around them. */
export interface GrepWindow {
  readonly kind: 'grep';
  readonly pattern: string;
  readonly ignoreCase: boolean;
  readonly before: number;
  readonly after: number;
  /** The greatest number of matches in one answer. */
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
  /** The first row, from 1. */
  readonly first: number;
  /** Undefined: to the end. */
  readonly count: number | undefined;
  /** Empty: all. */
  readonly columns: readonly string[];
  /** One ASCII character; empty: the content type decides. */
  readonly delimiter: string;
}

/** One of the ways to read a content. */
export type Window = ByteWindow | LineWindow | TailWindow | GrepWindow | JsonWindow | CsvWindow;

/** A line that matched. */
export interface Match {
  /** Its number, from 1. */
  readonly line: number;
  /** The offset of its first byte in the content. */
  readonly offset: number;
  /** Its number among the lines of the answer, from 1. */
  readonly textLine: number;
}

/** A piece of a content. */
export interface Reading<Place> {
  readonly content: { readonly text: string } | { readonly data: Uint8Array };
  /** The offset in the content, from 0; undefined if the answer is not a piece of it. */
  readonly startOffset?: number;
  readonly endOffset?: number;
  /** The number of the first line (or row), from 1; undefined if unknown. */
  readonly firstLine?: number;
  readonly matches?: readonly Match[];
  /**
   * The number of lines (or rows) that were not well-formed, so that U+FFFD stands in them, among those that this
   * answer is the first to show. A search counts those that it is the first to look at. Default 0.
   */
  readonly malformedLines?: number;
  /** The place where the next answer continues; undefined: this is the end. A plain value that JSON can represent. */
  readonly next?: Place | undefined;
}
