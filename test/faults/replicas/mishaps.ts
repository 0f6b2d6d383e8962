/** What happens to replicas in a round, each followed by its end: after it, all of them serve again. */
import { setTimeout as delay } from 'node:timers/promises';
import { whyNoClock } from '../clock/rig.ts';
import type { Chance } from '../seeded.ts';
import type { Break } from './breakable.ts';
import { type Cluster, leaseMs, type Member } from './cluster.ts';

export interface Mishap {
  readonly name: string;
  /** `others`: it needs more than one replica. */
  readonly needs?: 'others' | 'clock';
  /** Every call is answered within this, by one replica or another. Default: no limit. */
  readonly longestMs?: number;
  readonly befall: (scene: Scene) => Promise<void>;
}

/** Whom it befalls. */
interface Scene {
  readonly cluster: Cluster;
  readonly chance: Chance;
  /** All members in an order of chance. */
  readonly members: readonly Member[];
  readonly fault: (what: string) => void;
}

/** Longer than a lease, so that others have taken over, and written, when it is over. */
const long = (chance: Chance) => leaseMs * (1.5 + 0.8 * chance.next());
const short = (chance: Chance) => leaseMs * (0.2 + 0.5 * chance.next());

async function restart({ members, chance }: Scene, clock?: string, count = 1): Promise<void> {
  const victims = members.slice(0, count);
  await Promise.all(victims.map(({ replica }) => replica.kill()));
  await delay(chance.happens(0.5) ? short(chance) : long(chance));
  await Promise.all(victims.map(({ replica }) => replica.start(clock)));
}

async function stop({ fault }: Scene, { replica }: Member): Promise<void> {
  const how = await replica.stop();
  if (how !== 'exit 0') fault(`${replica.name} was asked to stop and ended with ${how}: ${replica.log}`);
}

async function pause({ members: [victim] }: Scene, ms: number): Promise<void> {
  victim!.replica.pause();
  await delay(ms);
  victim!.replica.resume();
}

const cutOff =
  (from: 'database' | 'peers', how: Break, time: (chance: Chance) => number) =>
  async ({ members: [victim], chance }: Scene): Promise<void> => {
    victim![from].break(how);
    await delay(time(chance));
    victim![from].mend();
  };

/** In the order in which short forms take them. */
const mishaps: readonly Mishap[] = [
  { name: 'a replica is paused beyond its lease', befall: (scene) => pause(scene, long(scene.chance)) },
  { name: 'a replica is killed', befall: (scene) => restart(scene) },
  {
    name: 'what a replica sends to the database hangs beyond its lease',
    befall: cutOff('database', 'hang', long),
  },
  {
    name: 'a replica dies while its requests to the database hang, and they arrive later',
    befall: async (scene) => {
      const [victim] = scene.members;
      victim!.database.break('hang');
      await delay(short(scene.chance));
      await victim!.replica.kill();
      await delay(long(scene.chance));
      victim!.database.mend();
      await victim!.replica.start();
    },
  },
  {
    name: 'all replicas are replaced one after another',
    needs: 'others',
    longestMs: 15_000,
    befall: async (scene) => {
      for (const member of scene.members) {
        await stop(scene, member);
        await member.replica.start();
      }
    },
  },
  {
    name: 'a replica is cut off from the others',
    needs: 'others',
    befall: (scene) => cutOff('peers', scene.chance.pick(['cut', 'hang', 'mute']), long)(scene),
  },
  {
    name: 'a replica starts with a clock that is 10 s ahead',
    needs: 'clock',
    befall: (scene) => restart(scene, '+10s'),
  },
  { name: 'a replica is cut off from the database', befall: cutOff('database', 'cut', long) },
  { name: 'the answers of the database to a replica are lost', befall: cutOff('database', 'mute', short) },
  {
    name: 'a replica starts with a clock that is 10 s behind',
    needs: 'clock',
    befall: (scene) => restart(scene, '-10s'),
  },
  { name: 'a replica is paused for a moment', befall: (scene) => pause(scene, short(scene.chance)) },
  {
    name: 'a replica stops, and starts again later',
    befall: async (scene) => {
      const [victim] = scene.members;
      await stop(scene, victim!);
      await delay(short(scene.chance));
      await victim!.replica.start();
    },
  },
  {
    name: 'a replica is killed while another is paused',
    needs: 'others',
    befall: async (scene) => {
      const [killed, paused] = scene.members;
      paused!.replica.pause();
      await restart({ ...scene, members: [killed!] });
      paused!.replica.resume();
    },
  },
  { name: 'two replicas are killed', needs: 'others', befall: (scene) => restart(scene, undefined, 2) },
  { name: 'the connections of a replica to the database end', befall: cutOff('database', 'cut', () => 100) },
  { name: 'all replicas are killed', befall: (scene) => restart(scene, undefined, scene.members.length) },
  { name: 'nothing happens', befall: ({ chance }) => delay(short(chance)) },
];

/** Those that can happen to so many replicas on this machine. @param wanted what their names have. */
export function possibleMishaps(size: number, wanted = ''): readonly Mishap[] {
  return mishaps.filter(({ name, needs }) => {
    if (!name.includes(wanted)) return false;
    if (needs === 'others') return size > 1;
    return needs !== 'clock' || whyNoClock() === undefined;
  });
}
