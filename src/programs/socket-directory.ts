/**
 * The directory of the socket in a data directory that a group shares. It belongs to its maker alone, so that another
 * user of the group cannot listen in it. The process that has the lock of the store makes a new one in its place.
 */
import { access, constants, lstat, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../blobs/files.ts';
import { absentAsUndefined } from './directory-rights.ts';

/**
 * Removes the directory `run` if it is another user's and cannot be entered. If it is not empty, for example if it has
 * the socket of a service that was killed, it is set aside as `run.of-UID`. Directories of this user that were set
 * aside are removed. The caller has the lock of the store, so no other process serves it there. A directory that cannot
 * be moved stays, and the code that listens reports why.
 */
export async function takeOverSocketDirectory(dataDir: string): Promise<void> {
  const path = join(dataDir, 'run');
  const found = await lstat(path).catch(absentAsUndefined);
  const uid = process.geteuid?.();
  if (uid === undefined) return;
  await removeOwn(asideOf(path, uid), uid);
  if (found === undefined || !found.isDirectory() || found.uid === uid || (await mayUse(path))) return;
  try {
    await rmdir(path);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) return;
    await rename(path, asideOf(path, found.uid)).catch(() => undefined);
  }
}

function asideOf(path: string, uid: number): string {
  return `${path}.of-${uid}`;
}

async function removeOwn(path: string, uid: number): Promise<void> {
  const found = await lstat(path).catch(absentAsUndefined);
  if (found?.isDirectory() && found.uid === uid) await rm(path, { recursive: true, force: true });
}

async function mayUse(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}
