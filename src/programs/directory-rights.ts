/** Who else may write a data directory: whoever may can put another index, or another lock, in the place of ours. */
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Who runs this process. Numbers as the system has them. */
interface User {
  readonly uid: number;
  readonly groups: readonly number[];
}

const anybodyWrites = 0o002;
const groupWrites = 0o020;
const sticky = 0o1000;
const root = 0;

/**
 * Refuses a data directory that is not safe to work in; elsewhere than on systems with users nothing is.
 *
 * @param user default: the one who runs this process.
 * @returns what an operator should know of one that is accepted; undefined if nothing.
 * @throws Error that says what is wrong, and which command mends it.
 */
export async function checkRights(
  directory: string,
  user: User | undefined = thisUser(),
): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { mode, uid, gid } = await stat(directory);
  if ((mode & anybodyWrites) !== 0) {
    if ((mode & sticky) === 0) throw new Error(`anybody may write it; run: chmod o-w ${directory}`);
    await requireOwn(directory, user);
    return `${directory} is shared with everybody; a directory of its own below it is safer`;
  }
  const isOurGroups = (mode & groupWrites) !== 0 && user.groups.includes(gid);
  if (uid !== user.uid && !isOurGroups) {
    // Whoever starts a container as root has a volume of another user, and could give it to root as well.
    if (user.uid !== root)
      throw new Error(
        `it belongs to another user (uid ${uid}); run: chown -R ${user.uid} ${directory}, or name another directory`,
      );
    return `${directory} belongs to uid ${uid}, and this is root: what root makes there that user cannot read`;
  }
  return (mode & groupWrites) === 0 ? undefined : `${directory} may be written by its group (gid ${gid})`;
}

/** Where anybody may make files, nothing in it may be somebody else's. */
async function requireOwn(directory: string, user: User): Promise<void> {
  for (const name of await readdir(directory)) {
    const { uid } = await lstat(join(directory, name));
    if (uid !== user.uid)
      throw new Error(
        `anybody may write it, and ${name} in it belongs to another user (uid ${uid}); name another directory`,
      );
  }
}

function thisUser(): User | undefined {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  const gid = process.getegid?.();
  return { uid, groups: [...(process.getgroups?.() ?? []), ...(gid === undefined ? [] : [gid])] };
}
