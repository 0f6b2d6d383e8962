/** The rings of commits of all processes, and one more that names what was given a position. */
import { ringSlots } from '../../engine/commits.ts';
import type { DatabaseReader } from '../../engine/database.ts';
import { scanRows } from '../../engine/reader.ts';
import { commitRange, keys } from '../../keys.ts';

/** The number of the ring of no process. */
const positionRing = 2 ** 32;

/**
 * The key of a commit of no process, whose number is the highest position that a batch of replicas was given to be
 * shipped. So a process that goes on after the highest number of all rings names no segment as they did.
 */
export const positionKey = keys.store.commit.key(positionRing * ringSlots);

/** The number of the newest commit of each ring of a process, by the number of the ring. */
export type Rings = Readonly<Record<string, number>>;

/** Returns the newest commits that a reader sees. */
export async function newestByRing(reader: DatabaseReader): Promise<Rings> {
  const newest: Record<string, number> = {};
  for await (const block of scanRows(reader, commitRange))
    for (const [key, value] of block) {
      const ring = Math.floor(keys.store.commit.parse(key)[0] / ringSlots);
      const { seq } = keys.store.commit.decode(value);
      if (ring !== positionRing && seq > (newest[ring] ?? 0)) newest[ring] = seq;
    }
  return newest;
}
