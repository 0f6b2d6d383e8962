/** The identity of the data directory. */
import { stat } from 'node:fs/promises';
import type { Place } from '../store/custody/place.ts';

/**
 * Returns the identity. If the file system does not know when the directory was made, other times stand there instead.
 */
export async function placeOf(dataDir: string): Promise<Place> {
  const { ino, birthtimeNs, ctimeNs } = await stat(dataDir, { bigint: true });
  const isKnown = birthtimeNs > 0n && birthtimeNs !== ctimeNs;
  return { birth: isKnown ? String(birthtimeNs) : undefined, inode: String(ino) };
}
