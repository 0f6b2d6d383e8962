/** What the store's files and directories are made with. */

/** Of a directory, as the system tells them. */
interface DirectoryStats {
  readonly mode: number;
  readonly gid: number;
}

/** For new files and directories, whatever the process's umask. */
export interface FileModes {
  readonly directory: number;
  readonly file: number;
  /** The group that they must belong to; undefined where the system sees to that, or no group has rights. */
  readonly gid: number | undefined;
}

const setgid = 0o2000;

/**
 * Below a directory: for the owner alone; or, in the volume of a group (setgid, or the group may write), for the group
 * what it may do with the directory. What anybody may write is no group's.
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
