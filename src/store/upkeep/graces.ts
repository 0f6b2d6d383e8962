import { readGraceMs } from '../rows/blob-rows.ts';

/** How long what is free is left alone, in milliseconds. */
export interface Graces {
  /** Between the removal of the last reference and the end of a content. Default 15 minutes. */
  readonly dedupMs: number;
  /** Between that and the removal of its file. Default {@link readGraceMs}. */
  readonly readMs: number;
}

/** A quarter of an hour before contents are taken out of use, an hour before their files go. */
export const defaultGraces: Graces = { dedupMs: 15 * 60_000, readMs: readGraceMs };
