/** Exports of the index in memory: the double for tests. */
import { Failure } from '../domain/errors.ts';
import { type ExportFiles, isExportName } from './export-files.ts';

/** Returns an empty place for exports, which ends with the process. @param isName of the files that are listed. */
export function memoryExports(isName: (name: string) => boolean = isExportName): ExportFiles {
  const files = new Map<string, Uint8Array>();
  return {
    list: async () =>
      [...files]
        .filter(([name]) => isName(name))
        .map(([name, { length }]) => ({ name, sizeBytes: length }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    read: async (name, offset, length) => {
      const bytes = files.get(name);
      if (bytes === undefined)
        throw new Failure('STORE_UNAVAILABLE', 'storage error while reading an export');
      return bytes.slice(offset, offset + length);
    },
    write: async (name, _owner, bytes, onWritten) => {
      const all = Buffer.concat(await Array.fromAsync(bytes));
      await onWritten?.();
      if (files.has(name)) throw new Failure('STORE_UNAVAILABLE', 'an export has that name already');
      files.set(name, all);
      return all.length;
    },
    remove: async (name) => void files.delete(name),
    removeStale: async () => 0,
  };
}
