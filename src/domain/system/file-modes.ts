/** The modes of the store's files and directories. */

/** The mode and the group of a directory, from the system. */
interface DirectoryStats {
  readonly mode: number;
  readonly gid: number;
}

/** The modes of new files and directories, whatever the process's umask is. */
export interface FileModes {
  readonly directory: number;
  readonly file: number;
  /** The group that they must belong to; undefined if the system takes care of that, or no group has rights. */
  readonly gid: number | undefined;
}

const setgid = 0o2000;

/**
 * Returns the modes below a directory. Files and directories are for the owner alone. In the volume of a group (setgid,
 * or the group may write), the group also gets the rights that it has on the directory. A directory that every user may
 * write to is not the volume of a group.
 */
export function modesBelow({ mode, gid }: DirectoryStats): FileModes {
  const isGroups = (mode & (setgid | 0o020)) !== 0 && (mode & 0o002) === 0;
  const group = isGroups ? mode & 0o070 : 0;
  return {
    directory: 0o700 | group | (isGroups ? setgid : 0),
    file: 0o600 | (group & 0o060),
    gid: isGroups && (mode & setgid) === 0 ? gid : undefined,
  };
}
