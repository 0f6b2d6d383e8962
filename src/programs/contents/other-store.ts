/**
 * The store to which a data directory belongs, if its index is in a database: its id, in a file next to the mark. The
 * contents of another store would count as orphans, and would be removed.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/errors.ts';
import type { DatabaseReader } from '../../index/engine/database.ts';
import { readRow } from '../../index/engine/reader.ts';
import { keys } from '../../index/keys.ts';
import { replaceDurably } from '../../index/mark.ts';
import { absentAsUndefined } from '../directory-rights.ts';

const fileName = 'postgres.store';

async function notedIn(dataDir: string): Promise<string | undefined> {
  return (await readFile(join(dataDir, fileName), 'utf8').catch(absentAsUndefined))?.trim();
}

/**
 * Checks a database before anything of it is believed. One without a store may have lost it: its mark shows that.
 *
 * @param place of the index, for people.
 * @throws Failure STORE_UNAVAILABLE if the database has another store than the data directory.
 */
export async function requireStoreOf(
  dataDir: string,
  place: string,
  database: DatabaseReader,
): Promise<void> {
  const noted = await notedIn(dataDir);
  if (noted === undefined) return;
  const found = await storeIdOf(database);
  if (found === undefined || found === noted) return;
  throw new Failure(
    'STORE_UNAVAILABLE',
    `the data directory ${dataDir} belongs to the store ${noted}, and ${place} has the store ${found}: give --data-dir ` +
      `and --index of one store. If the contents in the directory are those of ${found}, remove ${fileName} and ` +
      'postgres.mark from it first',
  );
}

/** Undefined if none exists, or it cannot be read: then a rebuild, which leaves it out, makes another. */
async function storeIdOf(database: DatabaseReader): Promise<string | undefined> {
  try {
    const value = await readRow(database, keys.store.setting.key('storeId'));
    return value === undefined ? undefined : String(keys.store.setting.decode(value));
  } catch (error) {
    if (error instanceof Failure && error.reason === 'DATA_LOSS') return undefined;
    throw error;
  }
}

/** Notes the store of the directory. If that is not possible now, since the disk is full, another start notes it. */
export async function noteStore(dataDir: string, storeId: string): Promise<void> {
  if ((await notedIn(dataDir)) === storeId) return;
  await replaceDurably(join(dataDir, fileName), `${storeId}\n`).catch(() => undefined);
}

/** Called before an index takes the place of the present one: it may be of another store. */
export async function forgetStore(dataDir: string): Promise<void> {
  await rm(join(dataDir, fileName), { force: true });
}
