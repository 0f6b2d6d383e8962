/**
 * The place of the exports of the index, or of the segments between them: a directory or a bucket, separate from the
 * contents, so that a loss of one is not a loss of both. `disk-exports.ts`, `memory-exports.ts` and `gcs/exports.ts` implement it;
 * `test/blobs/exports.test.ts` tests all of them against it.
 *
 * Contract
 *
 * 1. A file appears whole and durable under its name, or not at all. It is never changed and never replaced: of two
 *    processes that write the same name, one fails.
 * 2. Several stores may keep their exports in one place. A file that a store writes is marked with its owner until it
 *    is whole.
 * 3. Failures are `STORAGE_FULL` and `STORE_UNAVAILABLE`, and their messages name no path.
 */
export interface ExportFiles {
  /** Returns the whole files in ascending order of their names. Skips files that do not look like an export. */
  list(): Promise<readonly ExportFile[]>;
  /** Returns up to `length` bytes from `offset`; fewer only where the file ends. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
  /**
   * Writes a file, whose name must be free. If it fails, also with a failure of the given bytes, nothing is left.
   * Exception: if the place has not answered, the file may exist; it is whole then.
   *
   * @param name a name for which {@link isExportName} is true, or {@link isSegmentName}. @param owner of `[0-9a-f]`.
   * @param onWritten called when the bytes are durable, before they have their name.
   * @returns the size in bytes.
   */
  write(
    name: string,
    owner: string,
    bytes: AsyncIterable<Uint8Array>,
    onWritten?: () => void | Promise<void>,
  ): Promise<number>;
  /** Removes a file; succeeds if it is absent. */
  remove(name: string): Promise<void>;
  /** Removes the remains of an owner's interrupted writes; no write may be in progress. @returns their number. */
  removeStale(owner: string): Promise<number>;
}

/** A whole export, by its name without a directory. */
export interface ExportFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** The directory of the segments: batches of the index between two exports. */
export const segmentPrefix = 'segments';

/** Returns true for `000000000123.0f3a….segment`: the number of its first commit, and the id of its store. */
export function isSegmentName(name: string): boolean {
  return /^\d{12}\.[0-9a-f]{1,64}\.segment$/.test(name);
}

/** The directory of all exports, in their root directory or bucket. */
export const exportPrefix = 'exports';

const pattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.index$/;

/** Returns true for `2026-01-31T02-00-00Z.index`. */
export function isExportName(name: string): boolean {
  return pattern.test(name);
}

/** @param timeMs milliseconds since the Unix epoch; the name contains the seconds. */
export function exportName(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(':', '-')}Z.index`;
}

/** The reverse of {@link exportName}. */
export function exportNameTime(name: string): number {
  const [date, time = ''] = name.slice(0, 19).split('T');
  return Date.parse(`${date}T${time.replaceAll('-', ':')}Z`);
}
