import { readGraceMs } from '../rows/blob-rows.ts';

/** The times for which free contents are left alone, in milliseconds. */
export interface Graces {
  /** The time between the removal of the last reference and the end of a content. Default 15 minutes. */
  readonly dedupMs: number;
  /** The time between the end of a content and the removal of its file. Default {@link readGraceMs}. */
  readonly readMs: number;
}

/** A quarter of an hour before contents are taken out of use, an hour before their files go. */
export const defaultGraces: Graces = { dedupMs: 15 * 60_000, readMs: readGraceMs };
