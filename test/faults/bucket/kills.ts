/** The kills, deletions and orphans of the other rigs with contents in a bucket, and kills that only a bucket has. */
import {
  killAtFailpoints,
  killAtRandom,
  killAtRequests,
  killStarts,
  type Report,
  type RequestKill,
} from '../campaign.ts';
import { deleteAndCollect } from '../deletion/rig.ts';
import { directFailpoints } from '../failpoints.ts';
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

/** The same of direct uploads. */
export const directKills: readonly RequestKill[] = [
  ['begin', 'stall', 0, 'direct'],
  ['begin', 'done, stall', 1, 'direct'],
  ['put', 'done, stall', 0, 'direct'],
  ['put', 'late', 1, 'direct'],
  ['read', 'stall', 0, 'direct'],
  ['read', 'done, stall', 2, 'direct'],
];

interface BucketKills {
  /** A new seed at each call. */
  readonly seed: () => number;
  /** The kills at random. */
  readonly kills: number;
  /** The pushes, deletions and readings while contents are collected. */
  readonly actions: number;
  /** The name of the one part to play. Undefined: all. */
  readonly only: string | undefined;
}

interface Part {
  readonly name: string;
  readonly play: () => Promise<Omit<Outcome, 'name'>>;
}

/** @throws RangeError */
export async function* killWithBucket({ seed, kills, actions, only }: BucketKills): AsyncGenerator<Outcome> {
  await using process = await BucketProcess.start();
  let places = 0;
  const next = () => ({ seed: seed(), bucket: { process, prefix: `place-${++places}` } });
  const part = (name: string, kill: () => Promise<Report>): Part => ({
    name,
    play: async () => {
      const { faults, tally } = await kill();
      return { faults, said: JSON.stringify(tally) };
    },
  });
  const deletion = (deaths: number): Part => ({
    name: `deletions and collections, ${deaths} kills`,
    play: async () => {
      const { faults, ...tally } = await deleteAndCollect({ ...next(), actions, kills: deaths });
      return { faults, said: JSON.stringify(tally) };
    },
  });
  const parts: Readonly<Record<string, readonly Part[]>> = {
    steps: [part('kills at every step', () => killAtFailpoints(next()))],
    starts: [part('kills of starts', () => killStarts(next()))],
    requests: [part('kills while the bucket has a request', () => killAtRequests(requestKills, next()))],
    direct: [
      part('kills at every step of direct uploads', () => killAtFailpoints(next(), directFailpoints)),
      part('kills while the bucket has a request of one', () => killAtRequests(directKills, next())),
    ],
    random: [part(`${kills} kills at random`, () => killAtRandom(kills, next()))],
    deletion: [deletion(0), deletion(5)],
  };
  const chosen = only === undefined ? Object.values(parts).flat() : parts[only];
  if (chosen === undefined)
    throw new RangeError(`--bucket-part: must be one of ${Object.keys(parts).join(', ')}, not ${only}`);
  for (const { name, play } of chosen) yield { name, ...(await play()) };
}
