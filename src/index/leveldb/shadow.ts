/**
 * A database that can be read although its disk takes no writes. LevelDB cannot be opened without writing, so it is
 * opened in another place, in memory if possible. The directory there has links to the tables and logs, which no
 * process changes, and copies of the rest. LevelDB writes and removes its files there.
 */
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdtemp, realpath, rm, stat, statfs, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../domain/errors.ts';
import type { Database } from '../engine/database.ts';
import { absentAsUndefined, namesIn } from '../files.ts';
import { openingBytes } from './probe.ts';

/**
 * The room that is left free in the place of a shadow: other programs need that place too. A container has 64 MiB of
 * `/dev/shm` by default.
 */
const spareBytes = 8 * 1024 * 1024;

/** A database that can be read and not written. */
interface Shadow {
  readonly database: Database;
  /** The names of its files, without the remains of a write that failed. */
  readonly files: ReadonlySet<string>;
}

/** Returns the places for shadows; the first that has room is used. */
export function shadowPlaces(): readonly string[] {
  return process.platform === 'linux' ? ['/dev/shm', tmpdir()] : [tmpdir()];
}

/**
 * Opens a shadow. No process may have the database open. Fails with `STORE_UNAVAILABLE` if none of the places has room.
 *
 * @param openDatabase opens a database of LevelDB.
 */
export async function openShadow(
  directory: string,
  places: readonly string[],
  openDatabase: (directory: string) => Promise<Database>,
): Promise<Shadow> {
  const source = await realpath(directory);
  let last: unknown;
  for (const place of places) {
    try {
      return await openIn(source, place, openDatabase);
    } catch (error) {
      last = error;
    }
  }
  throw new Failure(
    'STORE_UNAVAILABLE',
    'cannot read the index: it is read through a copy, and no directory for the copy has enough free space; ' +
      'delete files in the temporary directory of the service (TMPDIR), or set TMPDIR to a directory on a larger disk',
    { cause: last },
  );
}

async function openIn(
  source: string,
  place: string,
  openDatabase: (directory: string) => Promise<Database>,
): Promise<Shadow> {
  const { bavail, bsize } = await statfs(place);
  const wanted = (await openingBytes(source)) + spareBytes;
  if (bavail * bsize < wanted) throw new Error(`${place} has less than ${wanted} bytes free`);
  const prefix = await prefixOf(source);
  await removeStale(place, prefix);
  const shadow = await mkdtemp(join(place, prefix));
  const remove = () => rm(shadow, { recursive: true, force: true });
  try {
    const names = await namesIn(source);
    // Otherwise an empty database would be made.
    if (!names.includes('CURRENT')) throw new Error('the database does not exist');
    for (const name of names) {
      if (name.endsWith('.ldb') || name.endsWith('.log'))
        await symlink(join(source, name), join(shadow, name));
      else if (name === 'CURRENT' || name.startsWith('MANIFEST-'))
        await copyFile(join(source, name), join(shadow, name));
    }
    const database = await openDatabase(shadow);
    const refused = async () => {
      throw new Failure('STORE_UNAVAILABLE', 'the index is open only for reads');
    };
    const close = async () => {
      await database.close();
      await remove();
    };
    const files = new Set(await namesIn(shadow));
    return { database: { ...database, batch: refused, compact: refused, close }, files };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Returns a prefix that is the same for all processes with this very directory, and for no others: other containers may
 * share the place.
 */
async function prefixOf(source: string): Promise<string> {
  const { dev, ino } = await stat(source, { bigint: true });
  const digest = createHash('sha256').update(`${dev} ${ino} ${source}`).digest('hex');
  return `artifacta-${digest.slice(0, 16)}-`;
}

/** A process that was killed could not remove its own shadow; no other process has this database. */
async function removeStale(place: string, prefix: string): Promise<void> {
  for (const name of await namesIn(place)) {
    if (!name.startsWith(prefix)) continue;
    const found = await lstat(join(place, name)).catch(absentAsUndefined);
    if (found?.isDirectory() && found.uid === process.getuid?.())
      await rm(join(place, name), { recursive: true, force: true });
  }
}
