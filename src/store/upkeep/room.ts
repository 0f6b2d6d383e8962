/**
 * Predicts when contents may have more room, from the contents that are queued for removal and the things that are
 * about to expire.
 */
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { NextRoom } from '../contents/space.ts';
import { readGraceMs } from '../rows/blob-rows.ts';
import type { Graces } from './graces.ts';
import type { Pauses } from './pauses.ts';

type Queue = typeof keys.blobs.maybeFree | typeof keys.blobs.condemned;

/** The number of rows of the expiry queue that are looked at; the rows of keys and links make no room. */
const queuedMax = 1_000;

/** Returns the first time in one of the queues of contents; undefined for an empty queue. */
async function firstTimeIn(index: Reader, queue: Queue): Promise<number | undefined> {
  for await (const block of index.scan({ ...queue.range(), limit: 1 })) return queue.parse(block[0]![0])[0];
  return undefined;
}

/**
 * Returns the earliest time at which room may come by itself. It may come later: the reaper has to come, a content may
 * be referenced once more, and a session that is due may only be sealed.
 */
export async function nextRoom(index: Reader, graces: Graces, pauses: Pauses): Promise<NextRoom> {
  const paused = [...(await pauses.stopping('collect')), ...(await pauses.stopping('reap'))];
  const condemned = await firstTimeIn(index, keys.blobs.condemned);
  const free = await firstTimeIn(index, keys.blobs.maybeFree);
  const expiring = await firstExpiring(index);
  const times = [
    ...(condemned === undefined ? [] : [condemned - readGraceMs + graces.readMs]),
    ...(free === undefined ? [] : [free + graces.dedupMs + graces.readMs]),
    ...(expiring === undefined ? [] : [expiring + graces.dedupMs + graces.readMs]),
  ];
  if (times.length === 0) return { kind: 'never' };
  return paused.length > 0 ? { kind: 'paused' } : { kind: 'at', time: Math.min(...times) };
}

async function firstExpiring(index: Reader): Promise<number | undefined> {
  let last: number | undefined;
  for await (const block of index.scan({ ...keys.calls.expiry.range(), limit: queuedMax }))
    for (const [key] of block) {
      const [time, , kind] = keys.calls.expiry.parse(key);
      if (kind === 'artifact' || kind === 'session') return time;
      last = time;
    }
  return last;
}
