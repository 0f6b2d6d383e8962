import { readFile } from 'node:fs/promises';
import { UsageError } from '../../cli/exit.ts';
import { inWords } from '../../domain/system/words.ts';
import type { ClientTls } from '../../settings/config-shapes.ts';

/** Reads the certificates of a client. @throws UsageError for a file that cannot be read. */
export async function readTls(files: ClientTls): Promise<Partial<Record<keyof ClientTls, Buffer>>> {
  const read = async ([name, path]: [string, string]): Promise<[string, Buffer]> => {
    try {
      return [name, await readFile(path)];
    } catch (error) {
      throw new UsageError(`${path} cannot be read: ${inWords(error)}`);
    }
  };
  return Object.fromEntries(await Promise.all(Object.entries(files).map(read)));
}
