/**
 * Where exports of the index are kept: a directory or a bucket elsewhere than the contents, so that losing the one does
 * not lose the other. `disk-exports.ts` and `memory-exports.ts` implement it, `test/blobs/exports.test.ts` holds both to it.
 *
 * Contract
 *
 * 1. A file appears whole and durable under its name, or not at all. It is never changed and never replaced.
 * 2. Several stores may keep theirs in one place. What a store writes is marked with its owner until it is whole.
 * 3. Failures are `STORAGE_FULL` and `STORE_UNAVAILABLE`, and their messages name no path.
 */
export interface ExportFiles {
  /** The whole ones in ascending order of their names. What does not look like an export is passed over. */
  list(): Promise<readonly ExportFile[]>;
  /** Up to `length` bytes from `offset`; fewer only where the file ends. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
  /**
   * Writes a file, whose name must be free. When it fails, for the bytes' own failure too, nothing is left.
   *
   * @param name as {@link isExportName} has it. @param owner of `[0-9a-f]`.
   * @param onWritten called when the bytes are durable, before they have their name.
   * @returns how many bytes it has.
   */
  write(
    name: string,
    owner: string,
    bytes: AsyncIterable<Uint8Array>,
    onWritten?: () => void | Promise<void>,
  ): Promise<number>;
  /** Absent is success. */
  remove(name: string): Promise<void>;
  /** Removes what an owner's writes have left that were interrupted; none may be under way. @returns how many. */
  removeStale(owner: string): Promise<number>;
}

/** A whole export, by its name without a directory. */
export interface ExportFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What all of them are kept below, in their directory or bucket. */
export const exportPrefix = 'exports';

const pattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.index$/;

/** True for `2026-01-31T02-00-00Z.index`. */
export function isExportName(name: string): boolean {
  return pattern.test(name);
}

/** @param timeMs milliseconds since the Unix epoch, of which the name has the seconds. */
export function exportName(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(':', '-')}Z.index`;
}

/** The reverse. */
export function exportNameTime(name: string): number {
  const [date, time = ''] = name.slice(0, 19).split('T');
  return Date.parse(`${date}T${time.replaceAll('-', ':')}Z`);
}
