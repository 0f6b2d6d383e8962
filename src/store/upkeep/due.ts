/** The first thing in a queue whose namespace this process owns. Others are the work of their owners. */
import type { Index } from '../../index/door.ts';
import type { keys } from '../../index/keys.ts';
import type { Key } from '../../index/row.ts';
import { isHere } from '../rows/here.ts';

type Queue = typeof keys.blobs.maybeFree | typeof keys.blobs.condemned | typeof keys.calls.expiry;

/** The number of rows that are looked at. A row behind them is found when those before it are done. */
const lookedAtMax = 10_000;

/**
 * Returns the first time in a queue at which something is due here; undefined if nothing is.
 *
 * @param from where to begin. Default: the beginning of the queue.
 */
export async function firstTimeHere(index: Index, queue: Queue, from?: Key): Promise<number | undefined> {
  const { gte, lt } = queue.range();
  const known = new Map<string, boolean>();
  for await (const block of index.scan({ gte: from ?? gte, lt, limit: lookedAtMax, firstBlock: 1 }))
    for (const [key] of block) {
      const [time, ns] = queue.parse(key);
      const isOurs = known.get(ns) ?? (await isHere(index, ns));
      if (isOurs) return time;
      known.set(ns, isOurs);
    }
  return undefined;
}
