import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const temporaryName = /^\.artifacta-[0-9a-z-]+\.part$/;
/** A pull that still writes has written within this time. */
const idleMs = 3_600_000;

/**
 * Removes from a directory the left-overs of pulls that were killed: files without a name yet that no pull has written
 * to for an hour. Files that cannot be looked at or removed stay.
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
