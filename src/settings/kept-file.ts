/** The settings that a user keeps: one JSON object in a file of the user's own. */
import { randomUUID } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories } from '../domain/system/make-directories.ts';
import { inWords } from '../domain/system/words.ts';

/** The settings that can be kept. A token cannot: it is in a file of its own, and a setting here names that file. */
export const keptNames = ['url', 'token-file', 'data-dir', 'namespace'] as const;

/** The name of a setting that can be kept. */
export type KeptName = (typeof keptNames)[number];

/** The kept settings, as texts. */
export type KeptSettings = ReadonlyMap<KeptName, string>;

/** Reads the kept settings; none if the file does not exist. @throws Error that names its fault, but not its path. */
export function readKept(path: string): KeptSettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || isOutOfReach(path)) return new Map();
    throw new Error(`cannot be read: ${inWords(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('must be JSON; correct it, or remove it');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('must be one JSON object');
  return new Map(
    Object.entries(value).map(([name, one]) => {
      const known = keptNames.find((kept) => kept === name);
      if (known === undefined)
        throw new Error(`${JSON.stringify(name)} is not a setting; the settings are ${keptNames.join(', ')}`);
      if (typeof one !== 'string' || one === '')
        throw new Error(`${known} must be a string that is not empty`);
      return [known, one];
    }),
  );
}

/**
 * Returns true if no file of this user can exist at the path, as below a HOME of another user: containers run as any
 * user, with the HOME of another. False for a file that exists and cannot be read.
 */
function isOutOfReach(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return ['EACCES', 'ELOOP', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Replaces the whole file, which only its owner can read. */
export async function writeKept(path: string, settings: KeptSettings): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await makeDirectories({ mkdir, stat }, dirname(path));
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(Object.fromEntries(settings), null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(`cannot save the settings in ${path}: ${inWords(error)}`, { cause: error });
  }
}
