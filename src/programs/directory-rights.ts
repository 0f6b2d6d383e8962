/**
 * Whose the data directory is. Who may write to it may exchange what the store will open next, and so may whoever owns
 * it: a directory of others is refused. The group of a volume is trusted, as it is who the volume was given to.
 */
import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../blobs/files.ts';
import { modesBelow } from '../domain/system/file-modes.ts';

/** Of a file or directory. */
interface Rights {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Who asks. */
interface User {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** What the store has in its directory. Each may be mounted there, or lie elsewhere and be linked to. */
const parts = ['index', 'index.mark', 'index.rebuild', 'lock', 'blobs', 'tmp', 'run'];

const sticky = 0o1000;
const anybody = 0o002;
const group = 0o020;

/**
 * Of a directory that is there.
 *
 * @returns what is said of one that is shared with a group; undefined for one that is not.
 * @throws Error that says why it is refused and what to do.
 */
export async function requireRights(dataDir: string, user = thisUser()): Promise<string | undefined> {
  // There are no users in this sense.
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
        `${path} belongs to the user ${found.uid}, in a directory that anybody may write to: remove it`,
      );
    // What a link leads to; that it leads nowhere is for whoever opens it to say.
    const target = found.isSymbolicLink() ? await stat(path).catch(absentAsUndefined) : found;
    // The socket's directory is its maker's, and closed to the group: whoever cannot enter it does not listen there.
    const owner = name === 'run' ? { ...user, uid: target?.uid ?? user.uid } : user;
    if (target?.isDirectory()) refuse(path, target, owner);
  }
  if (isShared || (rights.mode & group) === 0) return undefined;
  return `the data directory is shared: the group ${rights.gid} may write to ${dataDir}`;
}

/** Root too is refused what belongs to others: they could lead it elsewhere, and what it writes they could not open. */
function refuse(path: string, rights: Rights, { uid, gids }: User): void {
  const isSticky = (rights.mode & sticky) !== 0;
  if ((rights.mode & anybody) !== 0 && !isSticky)
    throw new Error(
      `anybody may write to ${path}: "chmod o-w ${path}" ends that. Or name a directory in it that is not there yet`,
    );
  if (rights.uid === uid) return;
  // Where all may make files, nobody but the owner and root can exchange those of others.
  if ((rights.mode & anybody) !== 0 && isSticky && rights.uid === 0) return;
  const isOurs = gids.includes(rights.gid);
  if (isOurs && (rights.mode & group) !== 0) return;
  const orGroup = isOurs ? `, or "chmod g+w ${path}"` : '';
  throw new Error(
    `${path} belongs to the user ${rights.uid}, and this is the user ${uid}: ` +
      `run it as that user, or "chown -R ${uid} ${path}"${orGroup}`,
  );
}

function thisUser(): User | undefined {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  return { uid, gids: [process.getegid!(), ...process.getgroups!()] };
}

/**
 * LevelDB makes its files under the process's umask: a command leaves that to its user, whose files it writes as well,
 * but for what it takes from the owner.
 */
export function keepOwnersRights(): void {
  const before = process.umask(0o077);
  process.umask(before & 0o077);
}

/** For a service, which writes nothing but the store: what it makes is for itself, or for the group of the volume. */
export async function setUmaskFor(dataDir: string): Promise<void> {
  const found = await stat(dataDir).catch(absentAsUndefined);
  process.umask(found === undefined ? 0o077 : 0o777 & ~modesBelow(found).directory);
}

/**
 * Gives the files in a directory that the store has made the rights that go with it: LevelDB makes some that only their
 * owner may write, and the others by the umask. The rights of a directory are never changed, and where it is open to
 * others than the store would open it to, neither are those of its files.
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

/** For `catch`: what is not there is undefined. */
export function absentAsUndefined(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
