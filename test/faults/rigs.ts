/** All long rigs. A new one is an entry here; `npm run faults -- --list` prints them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeDirectory } from '../support/directories.ts';
import { postgresPrograms } from '../support/postgres.ts';
import { pushAtOnce } from '../support/pushers.ts';
import { abuseAll, faultsOf, lineOf } from './abuse/rig.ts';
import { sendBombs } from './bombs/rig.ts';
import { killWithBucket } from './bucket/kills.ts';
import { failBucket } from './bucket/outage.ts';
import { killAtFailpoints, killAtRandom, killStarts, type Report } from './campaign.ts';
import { setClocks } from './clock/clocks.ts';
import { whyNoClock } from './clock/rig.ts';
import { damageAndPush } from './damage/rig.ts';
import { deleteAndCollect } from './deletion/rig.ts';
import { scenarios } from './disk/scenarios.ts';
import type { NamedRig, Outcome } from './outcome.ts';
import { cutPower } from './power/campaign.ts';
import { type Layout, whyNoPowerDisk } from './power/disk.ts';
import { killAllEndings } from './reaping/campaign.ts';
import { checkHistory } from './replicas/rig.ts';
import { flipBits } from './rot/rot.ts';
import { takePlaces } from './shares/rig.ts';
import { soak } from './soak/rig.ts';
import { startAndKill } from './starts/rig.ts';
import { sendTiny } from './tiny/rig.ts';
import { killWhileTypesAreWritten } from './types/rig.ts';
import { askAndNotRead } from './unread/rig.ts';
import { loseManyVolumes } from './volume/campaign.ts';

/** Kills on one data directory, which then is read back whole and thrown away. */
const killsEach = 25;

const failpoints: NamedRig = {
  name: 'failpoints',
  tries: 'a service dies at every step of an upload, a seal, a deletion and a start, under load',
  short: 'test/faults/crash',
  async *play({ seed }) {
    yield told('failpoints', await killAtFailpoints({ seed: seed() }));
    yield told('starts', await killStarts({ seed: seed() }));
  },
};

const kills: NamedRig = {
  name: 'kills',
  tries: 'a service is killed at random under load',
  short: 'test/faults/crash',
  options: { times: 'how often; 500' },
  async *play({ seed, count, isOver }) {
    const times = count('times', 500);
    for (let done = 0; done < times && !isOver(); done += killsEach) {
      const now = Math.min(killsEach, times - done);
      yield told(`kills ${done + 1} to ${done + now}`, await killAtRandom(now, { seed: seed() }));
    }
  },
};

const power: NamedRig = {
  name: 'power',
  tries: 'the power is cut, index and contents on one file system or on two',
  short: 'test/faults/power',
  options: { cuts: 'how often on each; 50', layout: 'same or split; both' },
  obstacle: whyNoPowerDisk,
  async *play({ seed, count, option }) {
    const cuts = count('cuts', 50);
    for (const layout of layoutsOf(option('layout')))
      yield told(`${cuts} power cuts, ${layout}`, await cutPower(cuts, layout, { seed: seed() }));
  },
};

const disk: NamedRig = {
  name: 'disk',
  tries: 'a disk is full, fails, or takes no writes for a while',
  short: 'test/faults/disk',
  async *play() {
    for (const scenario of scenarios) {
      const { name } = scenario;
      const obstacle = scenario.obstacle();
      if (obstacle === undefined) yield { name, ...(await scenario.play()) };
      else yield { name, faults: [], said: `skipped, ${obstacle}` };
    }
  },
};

const rot: NamedRig = {
  name: 'rot',
  tries: 'one bit is flipped in any file of a store',
  short: 'test/faults/rot',
  options: { flips: 'how many, each in a store of its own; 300' },
  async *play({ seed, count }) {
    const flips = count('flips', 300);
    const { faults, verdicts } = await flipBits(flips, seed());
    const kinds = [...verdicts].map(([kind, counts]) => [kind, Object.fromEntries(counts)]);
    yield { name: `${flips} flipped bits`, faults, said: JSON.stringify(Object.fromEntries(kinds)) };
  },
};

const damage: NamedRig = {
  name: 'damage',
  tries:
    'contents are damaged, met or not, and pushed again over every transport, also at once and after a kill',
  short: 'test/store/contents/healing test/e2e/healing',
  options: { contents: 'how many; 300' },
  async *play({ seed, count }) {
    const rounds = count('contents', 300);
    const { faults, counts } = await damageAndPush(rounds, seed());
    yield { name: `${rounds} damaged contents`, faults, said: JSON.stringify(counts) };
  },
};

const pushers: NamedRig = {
  name: 'pushers',
  tries: 'fifty command lines push at once into a directory that nobody serves, and whoever has it is killed',
  short: 'test/e2e/embedded',
  async *play() {
    for (const kills of [0, 20]) {
      const home = await mkdtemp(join(tmpdir(), 'artifacta-pushers-'));
      const pushed = await pushAtOnce({ directory: home, dataDir: join(home, 'data'), count: 50, kills });
      const failed = pushed.filter(({ ended }) => ended.code !== 0);
      removeDirectory(home);
      yield {
        name: `50 command lines at once, ${kills} kills of whoever has the store`,
        faults: failed.map(({ name, ended }) => `${name}: ${ended.code} ${ended.stderr}`),
        said: `${pushed.length} pushed`,
      };
    }
  },
};

const abuse: NamedRig = {
  name: 'abuse',
  tries: 'clients reset, stall, trickle or guess keys beside one that only works',
  short: 'test/faults/abuse',
  async *play() {
    for (const report of await abuseAll()) {
      const [name, ...said] = lineOf(report).split(': ');
      yield { name: name!, faults: faultsOf(report), said: said.join(': ') };
    }
  },
};

const unread: NamedRig = {
  name: 'unread',
  tries: 'clients ask on every listener and do not read, beside one that only works, in 1 GiB of memory',
  short: 'test/faults/unread',
  options: { each: 'seconds of each attack; 4' },
  play: ({ count }) => askAndNotRead(count('each', 4)),
};

const tiny: NamedRig = {
  name: 'tiny',
  tries: 'uploads come in pieces of no bytes or one, and what that costs others is compared with large ones',
  short: 'test/faults/tiny',
  options: { 'tiny-seconds': 'how long each half of a comparison takes; 15' },
  play: ({ count }) => sendTiny(count('tiny-seconds', 15)),
};

const bombs: NamedRig = {
  name: 'bombs',
  tries: 'compressed messages that hold a thousand times as much are sent at once, beside another client',
  short: 'test/faults/bombs',
  options: { 'bomb-seconds': 'how long they are sent; 15' },
  async *play({ count }) {
    yield { name: 'compressed messages', ...(await sendBombs(count('bomb-seconds', 15))) };
  },
};

const types: NamedRig = {
  name: 'types',
  tries: 'starts are killed while the rows of content types of the release before are written anew',
  short: 'test/faults/types',
  options: { 'type-stores': 'how many stores; 3' },
  async *play({ seed, count }) {
    const stores = count('type-stores', 3);
    const { faults, said } = await killWhileTypesAreWritten({
      stores,
      artifacts: 2_200,
      kills: 6,
      seed: seed(),
    });
    yield { name: 'content types of the release before', faults, said };
  },
};

const shares: NamedRig = {
  name: 'shares',
  tries: 'one key and tokens of it take all places for uploads, watches and connections, beside another key',
  short:
    'test/faults/shares test/api/places test/api/time-limits test/store/watch/watches test/domain/load/shares',
  options: { 'taken-seconds': 'how long each is taken; 10' },
  play: ({ count }) => takePlaces(count('taken-seconds', 10)),
};

const clock: NamedRig = {
  name: 'clock',
  tries:
    'the clock is set while a service runs, until its suspicions end by themselves: a quarter of an hour',
  short: 'test/faults/clock',
  obstacle: whyNoClock,
  async *play() {
    const { faults, said } = await setClocks(true);
    yield { name: 'clocks that are set', faults, said };
  },
};

const deletion: NamedRig = {
  name: 'deletion',
  tries:
    'eight clients push and delete four contents that are collected without any grace, and servers are killed',
  short: 'test/faults/deletion',
  options: { actions: 'how many things they do, twice; 20000' },
  async *play({ seed, count }) {
    for (const kills of [0, 10]) {
      const actions = count('actions', 20_000);
      const { faults, ...tally } = await deleteAndCollect({ seed: seed(), actions, kills });
      yield { name: `deletions and collections, ${kills} kills`, faults, said: JSON.stringify(tally) };
    }
  },
};

const reaping: NamedRig = {
  name: 'reaping',
  tries:
    'processes are killed at every step of ending sessions, reaping, collecting and looking for orphans, each on a copy of ' +
    'the same store',
  short: 'test/faults/reaping',
  options: { 'reaped-on': 'disk or bucket; both' },
  play: ({ option, isOver }) => killAllEndings(option('reaped-on'), isOver),
};

const bucket: NamedRig = {
  name: 'bucket',
  tries:
    'the kills, deletions and orphans with contents in a bucket, to which clients also send bytes themselves, and kills while ' +
    'the bucket has a request, also one that it does later',
  short: 'test/faults/bucket/kills test/faults/exports',
  options: {
    'bucket-kills': 'kills at random; 40',
    'bucket-actions': 'pushes, deletions and readings while contents are collected, twice; 4000',
    'bucket-part': 'steps, starts, requests, direct, random or deletion; all',
  },
  play: ({ seed, count, option }) =>
    killWithBucket({
      seed,
      kills: count('bucket-kills', 40),
      actions: count('bucket-actions', 4_000),
      only: option('bucket-part'),
    }),
};

const outage: NamedRig = {
  name: 'outage',
  tries: 'the bucket fails under load: it refuses, resets connections, does not answer; and works again',
  short: 'test/faults/bucket/outage',
  options: { 'outage-seconds': 'how long, a third in each way; 60' },
  async *play({ seed, count }) {
    const eachMs = (count('outage-seconds', 60) * 1_000) / 3;
    yield await failBucket({
      seed: seed(),
      failings: [true, 'reset', 'stall'],
      untilOver: () => delay(eachMs),
      isTimed: true,
    });
  },
};

const replicas: NamedRig = {
  name: 'replicas',
  tries:
    'three replicas are killed, paused, cut off and replaced, while clients work through all of them and compare what each ' +
    'says with what any has acknowledged',
  short: 'test/faults/replicas/replicas',
  options: {
    rounds: 'how many, of one thing that happens each; 200',
    'replica-count': 'how many; 3',
    mishap: 'what happens, as a part of its name; all',
  },
  obstacle: () => {
    const found = postgresPrograms();
    return 'missing' in found ? found.missing : undefined;
  },
  async *play({ seed, count, option, isOver }) {
    yield await checkHistory({
      seed: seed(),
      rounds: count('rounds', 200),
      size: count('replica-count', 3),
      mishap: option('mishap'),
      isOver,
      progress: (line) => process.stdout.write(`${line}\n`),
    });
  },
};

const large: NamedRig = {
  name: 'large',
  tries: 'a session of 100,000 files is pushed, listed, sealed, pulled and compared beside another namespace',
  options: { files: 'how many; 100000' },
  isOnlyByName: true,
  async *play({ count }) {
    const script = join(import.meta.dirname, 'large/main.ts');
    const child = spawn(process.execPath, [script, '--files', String(count('files', 100_000))], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = await once(child, 'close');
    const faults = code === 0 ? [] : [`it ended with ${code}; what it found stands above`];
    yield { name: 'a large session', faults, said: 'see above' };
  },
};

const starts: NamedRig = {
  name: 'starts',
  tries: 'a service with a large index is started and killed while every processor is busy',
  short: 'test/faults/starts',
  options: { number: 'how many starts; 500', artifacts: 'in the index; 100000' },
  isOnlyByName: true,
  async *play({ seed, count }) {
    const { faults, said } = await startAndKill({
      starts: count('number', 500),
      artifacts: count('artifacts', 100_000),
      burners: availableParallelism(),
      seed: seed(),
    });
    yield { name: 'starts that are killed', faults, said };
  },
};

const volume: NamedRig = {
  name: 'volume',
  tries:
    'a service that ships its index to a bucket or a directory is killed at every step of that, and loses its volume',
  short: 'test/faults/volume',
  options: {
    losses: 'how many volumes are lost, to each place; 34',
    'shipped-to': 'bucket or directory; both',
  },
  play: ({ seed, count, option, isOver }) =>
    loseManyVolumes({ seed, losses: count('losses', 34), to: option('shipped-to'), isOver }),
};

const soaking: NamedRig = {
  name: 'soak',
  tries: 'a service works for an hour with its index kept level, and its memory and descriptors are watched',
  options: { minutes: 'how long; 60' },
  isOnlyByName: true,
  async *play({ seed, count }) {
    yield await soak(count('minutes', 60), seed());
  },
};

/** In the order in which they run. */
export const rigs: readonly NamedRig[] = [
  failpoints,
  kills,
  power,
  disk,
  rot,
  damage,
  pushers,
  abuse,
  unread,
  tiny,
  bombs,
  types,
  shares,
  clock,
  deletion,
  reaping,
  volume,
  bucket,
  outage,
  replicas,
  large,
  starts,
  soaking,
];

function told(name: string, { faults, tally }: Report): Outcome {
  return { name, faults, said: JSON.stringify(tally) };
}

/** @throws RangeError */
function layoutsOf(text: string | undefined): readonly Layout[] {
  if (text === undefined) return ['same', 'split'];
  if (text === 'same' || text === 'split') return [text];
  throw new RangeError(`--layout: must be same or split, not ${text}`);
}
