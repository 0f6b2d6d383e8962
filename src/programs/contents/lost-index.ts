/**
 * Distinguishes a store whose index is gone from one that is being made: contents are written only after their index
 * exists. LevelDB would make a new, empty index, from which nothing leads to the contents any more.
 */
import { opendir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/errors.ts';
import { IndexDamaged } from '../../index/damage.ts';
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { absentAsUndefined } from '../directory-rights.ts';

/** The depth of `blobs/<namespace>/<shard>/<content>`. */
const contentDepth = 3;

/**
 * Refuses contents without an index. Must be called before the index is opened. @throws IndexDamaged if no index exists
 * and contents do.
 */
export async function requireIndexBesideContents(dataDir: string): Promise<void> {
  const names = (await readdir(join(dataDir, 'index')).catch(absentAsUndefined)) ?? [];
  // By its mark the index itself knows that something is missing, and how much.
  if (names.includes('CURRENT') || (await exists(join(dataDir, 'index.mark')))) return;
  if (!(await hasContents(dataDir))) return;
  const isGone = !names.some((name) => name.endsWith('.ldb') || name.endsWith('.log'));
  const how = names.length === 0 ? 'is missing or empty' : 'has no CURRENT';
  throw lostBeside(join(dataDir, 'index'), how, isGone, join(dataDir, 'blobs'));
}

/** Does the same for contents in a bucket. @throws IndexDamaged */
export async function requireIndexBesideBucket(dataDir: string, bucket: Contents): Promise<void> {
  const names = (await readdir(join(dataDir, 'index')).catch(absentAsUndefined)) ?? [];
  if (names.includes('CURRENT') || (await exists(join(dataDir, 'index.mark')))) return;
  const left = await leftIn(bucket);
  if (left !== undefined)
    throw lostBeside(join(dataDir, 'index'), 'is missing or empty', true, bucket.place, left);
}

/** The place of contents in a bucket. */
interface Contents {
  readonly place: string;
  owner(): Promise<string | undefined>;
  hasContents(): Promise<boolean>;
  hasExports(): Promise<boolean>;
}

/**
 * Returns what a store has left in a place; undefined if that is nothing: then the store has lost nothing, and the place
 * refuses other stores by itself. An index with all contents in it leaves exports alone.
 */
async function leftIn(bucket: Contents): Promise<'contents' | 'exports' | undefined> {
  if ((await bucket.owner()) === undefined) return undefined;
  if (await bucket.hasContents()) return 'contents';
  return (await bucket.hasExports()) ? 'exports' : undefined;
}

/**
 * Does the same for an open index: one to which nothing was ever written.
 *
 * @param indexPlace the place of the index for people. @throws IndexDamaged
 */
export async function requireRowsBesideContents(
  dataDir: string,
  indexPlace: string,
  index: Reader,
  bucket?: Contents,
): Promise<void> {
  // A store that was made has a format; a store whose loss was accepted gets it next.
  const settings = await index.getMany(
    ['format', 'acceptedLoss'].map((name) => keys.store.setting.key(name)),
  );
  if (settings.some((value) => value !== undefined)) return;
  if (await hasContents(dataDir)) throw lostBeside(indexPlace, 'is empty', true, join(dataDir, 'blobs'));
  const left = bucket && (await leftIn(bucket));
  if (left !== undefined) throw lostBeside(indexPlace, 'is empty', true, bucket!.place, left);
}

function lostBeside(
  indexPlace: string,
  how: string,
  isGone: boolean,
  place: string,
  left: 'contents' | 'exports' = 'contents',
): IndexDamaged {
  const other = place.startsWith('gs://') ? ', give another prefix if this is another store,' : ',';
  const message =
    `the index is lost: ${indexPlace} ${how}, and ${place} has ${left}. ` +
    `Put the index back (is its disk mounted?)${other} or restore an export with "artifacta import FILE --replace"`;
  return new IndexDamaged(message, { isGone });
}

/** Returns true if a data directory has a content as a file. */
export async function hasContents(dataDir: string): Promise<boolean> {
  try {
    return await hasFile(join(dataDir, 'blobs'), contentDepth);
  } catch (cause) {
    const message = `cannot look for contents in ${join(dataDir, 'blobs')}: ${String(cause)}`;
    throw new Failure('STORE_UNAVAILABLE', message, { cause });
  }
}

/** Whether a file exists exactly this number of levels below. */
async function hasFile(directory: string, depth: number): Promise<boolean> {
  const entries = await opendir(directory).catch(absentAsUndefined);
  for await (const entry of entries ?? []) {
    if (
      depth === 1
        ? entry.isFile()
        : entry.isDirectory() && (await hasFile(join(directory, entry.name), depth - 1))
    )
      return true;
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(absentAsUndefined)) !== undefined;
}
