import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const temporaryName = /^\.artifacta-[0-9a-z-]+\.part$/;
/** A pull that still writes has written within that time. */
const idleMs = 3_600_000;

/**
 * Removes from a directory what pulls that were killed have left: files without a name yet, that nobody has written to
 * for an hour. What cannot be looked at or removed stays.
 */
export async function removeLeftOvers(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => temporaryName.test(one))) {
    const path = join(directory, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isFile() && stats.mtimeMs < nowMs - idleMs)
      await rm(path, { force: true }).catch(() => undefined);
  }
}
