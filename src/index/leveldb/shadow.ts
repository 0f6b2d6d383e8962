/**
 * A database that can be read though its disk takes no writes. LevelDB has no opening without writing, so it is opened
 * elsewhere, in memory if possible: in a directory with links to the tables, which nobody changes, and copies of the rest.
 * What LevelDB writes and removes it writes and removes there.
 */
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdtemp, realpath, rm, statfs, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../domain/errors.ts';
import type { Database } from '../engine/database.ts';
import { absentAsUndefined, namesIn } from './files.ts';
import { openingBytes } from './probe.ts';

/** Left free where a shadow is: others need that place too. */
const spareBytes = 16 * 1024 * 1024;

/** Where shadows are put, the first that has room. */
export function shadowPlaces(): readonly string[] {
  return process.platform === 'linux' ? ['/dev/shm', tmpdir()] : [tmpdir()];
}

/**
 * Opens it. Nobody may have it open. Fails with `STORE_UNAVAILABLE` if there is no room in any of the places.
 *
 * @param openDatabase opens a database of LevelDB.
 */
export async function openShadow(
  directory: string,
  places: readonly string[],
  openDatabase: (directory: string) => Promise<Database>,
): Promise<Database> {
  const source = await realpath(directory);
  let last: unknown;
  for (const place of places) {
    try {
      return await openIn(source, place, openDatabase);
    } catch (error) {
      last = error;
    }
  }
  throw new Failure('STORE_UNAVAILABLE', 'there is no room elsewhere to read the index', { cause: last });
}

async function openIn(
  source: string,
  place: string,
  openDatabase: (directory: string) => Promise<Database>,
): Promise<Database> {
  const { bavail, bsize } = await statfs(place);
  const wanted = 2 * (await openingBytes(source)) + spareBytes;
  if (bavail * bsize < wanted) throw new Error(`${place} has less than ${wanted} bytes free`);
  const prefix = `artifacta-${createHash('sha256').update(source).digest('hex').slice(0, 16)}-`;
  await removeStale(place, prefix);
  const shadow = await mkdtemp(join(place, prefix));
  const remove = () => rm(shadow, { recursive: true, force: true });
  try {
    const names = await namesIn(source);
    // Else an empty one would be made.
    if (!names.includes('CURRENT')) throw new Error('there is no database');
    for (const name of names) {
      if (name.endsWith('.ldb')) await symlink(join(source, name), join(shadow, name));
      else if (name === 'CURRENT' || name.startsWith('MANIFEST-') || name.endsWith('.log'))
        await copyFile(join(source, name), join(shadow, name));
    }
    const database = await openDatabase(shadow);
    const refused = async () => {
      throw new Failure('STORE_UNAVAILABLE', 'the index was opened for reads alone');
    };
    return {
      ...database,
      batch: refused,
      compact: refused,
      close: async () => {
        await database.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A process that was killed could not remove its own; nobody else has this database. */
async function removeStale(place: string, prefix: string): Promise<void> {
  for (const name of await namesIn(place)) {
    if (!name.startsWith(prefix)) continue;
    const found = await lstat(join(place, name)).catch(absentAsUndefined);
    if (found?.isDirectory() && found.uid === process.getuid?.())
      await rm(join(place, name), { recursive: true, force: true });
  }
}
