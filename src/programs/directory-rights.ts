/**
 * The owner and the rights of the data directory. A user who may write to it may replace what the store will open next,
 * and so may its owner. So a directory of other users is refused. The group of a volume is trusted, since the volume
 * was given to it.
 */
import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../blobs/files.ts';
import { modesBelow } from '../domain/system/file-modes.ts';

/** The rights of a file or directory. */
interface Rights {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** The user of this process. */
interface User {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** The parts of a store's directory. Each may be mounted there, or lie elsewhere behind a link. */
const parts = [
  'index',
  'index.mark',
  'index.rebuild',
  'postgres.mark',
  'postgres.store',
  'lock',
  'blobs',
  'tmp',
  'run',
];

const sticky = 0o1000;
const anybody = 0o002;
const group = 0o020;

/**
 * Checks the rights of an existing directory.
 *
 * @returns a message for a directory that is shared with a group; undefined for one that is not.
 * @throws Error that says why it is refused and what to do.
 */
export async function requireRights(dataDir: string, user = thisUser()): Promise<string | undefined> {
  // The platform has no users in this sense.
  if (user === undefined) return undefined;
  const rights = await stat(dataDir);
  refuse(dataDir, rights, user);
  const isShared = (rights.mode & anybody) !== 0;
  for (const name of parts) {
    const path = join(dataDir, name);
    const found = await lstat(path).catch(absentAsUndefined);
    if (found === undefined) continue;
    if (isShared && found.uid !== user.uid)
      throw new Error(
        `${path} belongs to the user ${found.uid}, and all users may write to its directory: remove ${path}`,
      );
    // The target of a link. If it leads nowhere, the code that opens it reports that.
    const target = found.isSymbolicLink() ? await stat(path).catch(absentAsUndefined) : found;
    // The socket's directory belongs to its maker and is closed to the group: a user who cannot enter it does not
    // listen there.
    const owner = name === 'run' ? { ...user, uid: target?.uid ?? user.uid } : user;
    if (target?.isDirectory()) refuse(path, target, owner);
  }
  if (isShared || (rights.mode & group) === 0) return undefined;
  return `the group ${rights.gid} may write to the data directory ${dataDir}; if only its owner should, run "chmod g-w ${dataDir}"`;
}

/**
 * Refuses directories of other users, also to root: they could make them lead elsewhere, and they could not open what
 * root writes.
 */
function refuse(path: string, rights: Rights, { uid, gids }: User): void {
  const isSticky = (rights.mode & sticky) !== 0;
  if ((rights.mode & anybody) !== 0 && !isSticky)
    throw new Error(
      `all users may write to ${path}: run "chmod o-w ${path}", or use a new directory in it, such as ` +
        `${join(path, 'artifacta')}`,
    );
  if (rights.uid === uid) return;
  // Where all may make files, only the owner and root can replace those of others.
  if ((rights.mode & anybody) !== 0 && isSticky && rights.uid === 0) return;
  const isOurs = gids.includes(rights.gid);
  if (isOurs && (rights.mode & group) !== 0) return;
  const orGroup = isOurs ? `, or "chmod g+w ${path}"` : '';
  throw new Error(
    `${path} belongs to the user ${rights.uid}, and this process runs as the user ${uid}: ` +
      `run it as that user, or "chown -R ${uid} ${path}"${orGroup}`,
  );
}

function thisUser(): User | undefined {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  return { uid, gids: [process.getegid!(), ...process.getgroups!()] };
}

/**
 * Keeps the owner's rights in the umask. LevelDB makes its files under the process's umask. A command leaves the umask
 * to its user, whose files it writes as well, except for bits that take rights from the owner.
 */
export function keepOwnersRights(): void {
  const before = process.umask(0o077);
  process.umask(before & 0o077);
}

/**
 * Sets the umask of a service, which writes nothing but the store: its files are for itself, or for the group of the
 * volume.
 */
export async function setUmaskFor(dataDir: string): Promise<void> {
  const found = await stat(dataDir).catch(absentAsUndefined);
  process.umask(found === undefined ? 0o077 : 0o777 & ~modesBelow(found).directory);
}

/**
 * Gives the files in a directory that the store has made the rights that match the directory. LevelDB makes some that
 * only their owner may write, and the others by the umask. The rights of a directory are never changed. If a directory
 * is open to more users than the store would allow, the rights of its files are not changed either.
 */
export async function settleFilesIn(directory: string): Promise<void> {
  const found = await stat(directory).catch(absentAsUndefined);
  if (found === undefined) return;
  const modes = modesBelow(found);
  if ((found.mode & 0o777) !== (modes.directory & 0o777)) return;
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    // LevelDB may remove it meanwhile.
    const file = await lstat(path).catch(absentAsUndefined);
    if (!file?.isFile() || file.uid !== process.geteuid?.() || (file.mode & 0o777) === modes.file) continue;
    await chmod(path, modes.file).catch(absentAsUndefined);
  }
}

/** For `catch`: returns undefined if the file does not exist. */
export function absentAsUndefined(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
