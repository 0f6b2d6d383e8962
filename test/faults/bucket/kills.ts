/** The kills, deletions and orphans of the other rigs with contents in a bucket, and kills that only a bucket has. */
import { killAtFailpoints, killAtRandom, killAtRequests, killStarts, type RequestKill } from '../campaign.ts';
import { deleteAndCollect } from '../deletion/rig.ts';
import type { Outcome } from '../outcome.ts';
import { BucketProcess } from './bucket-process.ts';

/**
 * What the bucket has been asked for when the server dies. It has not done it and never does, it has done it and not
 * answered, or it does it when another server has started. The second piece of a content is the last.
 */
export const requestKills: readonly RequestKill[] = [
  ['create', 'stall', 3],
  ['create', 'done, stall', 5],
  ['create', 'late', 7],
  ['begin', 'done, stall'],
  ['put', 'stall'],
  ['put', 'done, stall'],
  ['put', 'stall', 1],
  ['put', 'done, stall', 1],
  ['put', 'late', 1],
  ['facts', 'stall'],
  ['delete', 'stall'],
  ['delete', 'done, stall', 1],
  ['delete', 'late'],
];

interface BucketKills {
  /** A new seed at each call. */
  readonly seed: () => number;
  /** The kills at random. */
  readonly kills: number;
  /** The pushes, deletions and readings while contents are collected. */
  readonly actions: number;
}

export async function* killWithBucket({ seed, kills, actions }: BucketKills): AsyncGenerator<Outcome> {
  await using process = await BucketProcess.start();
  let places = 0;
  const next = () => ({ seed: seed(), bucket: { process, prefix: `place-${++places}` } });
  const parts = {
    'kills at every step': () => killAtFailpoints(next()),
    'kills of starts': () => killStarts(next()),
    'kills while the bucket has a request': () => killAtRequests(requestKills, next()),
    [`${kills} kills at random`]: () => killAtRandom(kills, next()),
  };
  for (const [name, play] of Object.entries(parts)) {
    const { faults, tally } = await play();
    yield { name, faults, said: JSON.stringify(tally) };
  }
  for (const deaths of [0, 5]) {
    const { faults, ...tally } = await deleteAndCollect({ ...next(), actions, kills: deaths });
    yield { name: `deletions and collections, ${deaths} kills`, faults, said: JSON.stringify(tally) };
  }
}
