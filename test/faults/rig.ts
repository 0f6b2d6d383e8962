/** One data directory, the servers that die on it one after another, and what is checked in between. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeDirectory } from '../support/directories.ts';
import type { Fault, Kind } from '../support/gcs/server.ts';
import { inspect } from './at-rest.ts';
import type { BucketProcess } from './bucket/bucket-process.ts';
import { sweepLeftovers } from './bucket/leftovers.ts';
import type { BucketPlace } from './bucket/place.ts';
import { check, stagedFiles } from './checker.ts';
import { type Connection, openConnection } from './connection.ts';
import type { Armed, Failpoint } from './failpoints.ts';
import { Load } from './load.ts';
import { Oracle, type Push } from './oracle.ts';
import { bytesOf, Chance } from './seeded.ts';
import { inTime, ServerProcess } from './server-process.ts';

/** Small, so that the manifests of short sessions are files. */
const inlineBytesMax = 2_048;
/** How long load may go on without reaching its failpoint, in milliseconds. */
const reachMs = 30_000;
/** How long a server goes on at most after its power was cut, in milliseconds. */
const afterCutMs = 150;

/** What has been done to a rig and what came of it. */
export interface Tally {
  kills: number;
  /** Kills in the middle of a start. */
  killsOfStarts: number;
  pushes: number;
  acknowledged: number;
  refused: number;
  /** Pushes of which nothing was known after a kill. */
  unknown: number;
  /** Those of them that turned out to have been committed. */
  unknownMade: number;
  seals: number;
  deletes: number;
  /** Staging files and pending seals that starts had to tidy up. */
  staleFiles: number;
  pendingSeals: number;
  /** Files without a name in the index, when all was over. */
  orphans: number;
  /** Direct uploads that were acknowledged, and objects of others, which were removed when their time was over. */
  direct: number;
  unfinished: number;
}

/** Where a rig has its data. */
interface Place {
  readonly dataDir: string;
  /** Default: in the data directory. */
  readonly indexDir?: string | undefined;
}

/** A bucket for the contents, and the place of the rig in it. */
export interface Bucket {
  readonly process: BucketProcess;
  readonly prefix: string;
}

/** A place that loses its power. */
interface Cuttable extends Place {
  cut(): void;
  restore(): void;
}

export class Rig implements AsyncDisposable {
  readonly oracle = new Oracle();
  readonly tally: Tally;
  private readonly home: string;
  private readonly place: Place;
  private readonly bucket: Bucket | undefined;
  private readonly chance: Chance;
  private readonly load: Load;

  private constructor(home: string, seed: number, place: Place | undefined, bucket: Bucket | undefined) {
    this.home = home;
    this.place = place ?? { dataDir: join(home, 'data') };
    this.bucket = bucket;
    this.chance = new Chance(seed);
    this.load = new Load(this.oracle, this.chance, bucket !== undefined);
    this.tally = {
      kills: 0,
      killsOfStarts: 0,
      pushes: 0,
      acknowledged: 0,
      refused: 0,
      unknown: 0,
      unknownMade: 0,
      seals: 0,
      deletes: 0,
      staleFiles: 0,
      pendingSeals: 0,
      orphans: 0,
      direct: 0,
      unfinished: 0,
    };
  }

  /**
   * @param place its owner's to remove. Default: a temporary directory.
   * @param bucket where the contents are. Default: in the data directory.
   */
  static async open(seed: number, place?: Place, bucket?: Bucket): Promise<Rig> {
    return new Rig(await mkdtemp(join(tmpdir(), 'artifacta-crash-')), seed, place, bucket);
  }

  /**
   * Load on a new server, whose power fails at some time up to `ms` milliseconds later. It goes on for a moment over
   * disks that take nothing more: what it acknowledges then must be there, too.
   */
  async cutPower(ms: number, disk: Cuttable): Promise<void> {
    await this.underLoad(
      undefined,
      async (server) => {
        await Promise.race([delay(this.chance.next() * ms), server.ended]);
        disk.cut();
        await delay(this.chance.next() * afterCutMs);
        await server.kill();
      },
      { mayComplain: true },
    );
    disk.restore();
  }

  /** Load on a new server, which is killed at some time up to `ms` milliseconds later. */
  async killAtRandom(ms: number): Promise<void> {
    await this.underLoad(undefined, async (server) => {
      await Promise.race([delay(this.chance.next() * ms), server.ended]);
      await server.kill();
    });
  }

  /**
   * Load on a new server, which kills itself when a step is reached for the n-th time.
   *
   * @param quietly one caller makes all the load.
   */
  async killAt(step: Failpoint, occurrence: number, quietly = false): Promise<void> {
    await this.underLoad({ step, occurrence, quietly }, async (server) => {
      await inTime(server.ended, `${step} was not reached ${occurrence} times`, reachMs);
    });
  }

  /**
   * Load on a new server, which is killed while the bucket has a request of it, and has done it or not.
   *
   * @param isDirect uploads in pieces are direct ones: the bytes are those of a client.
   */
  async killAtRequest(kind: Kind, fault: Fault, skipped: number, isDirect: boolean): Promise<void> {
    const what = `${kind}, ${JSON.stringify(fault)}`;
    await this.underLoad(
      undefined,
      async (server) => {
        const { met } = await this.bucket!.process.fail(kind, fault, skipped);
        await inTime(Promise.race([met, server.ended]), `the bucket got no request to ${what}`, reachMs);
        await server.kill();
      },
      { tours: true, pieces: !isDirect && (kind === 'begin' || kind === 'put') },
    );
  }

  /** A start that kills itself on its way. False: it did not come by there, and serves; it is stopped then. */
  async killStart(step: Failpoint, occurrence: number): Promise<boolean> {
    await using server = this.spawn({ step, occurrence });
    if ((await server.whenReady()) !== undefined) return false;
    this.expectEnding(await server.whenEnded(), 'failpoint', server);
    this.tally.kills++;
    this.tally.killsOfStarts++;
    return true;
  }

  /** Reads back from a new server, which then stops as it should. */
  async startAndCheck(everything = false): Promise<void> {
    await using server = this.spawn();
    {
      await using connection = await this.readBack(server, everything);
      // Each run has a client that can send late, however little its load has done.
      if (everything) await this.load.leaveUnsent(connection);
    }
    this.expectEnding(await server.stop(), 'exit 0', server);
  }

  /** Reads everything back, from a server and, when that has stopped, from the files. */
  async finish(): Promise<void> {
    const { tally, oracle } = this;
    await this.startAndCheck(true);
    const { dataDir, indexDir } = this.place;
    const { faults, orphans } = await inspect(dataDir, indexDir, this.placeOptions().bucket);
    for (const fault of faults) oracle.fault(`at rest: ${fault}`);
    for (const request of (await this.bucket?.process.unguarded(this.bucket.prefix)) ?? [])
      oracle.fault(`a request could have met another object: ${request}`);
    const pushes = [...oracle.pushes.values()];
    if (this.bucket !== undefined) await this.sweepLeftovers(this.bucket);
    tally.orphans = orphans;
    const isDirect = ({ by, state }: Push) => by === 'direct' && state === 'acknowledged';
    tally.direct = [...oracle.pushes.values()].filter(isDirect).length;
    tally.pushes = pushes.length;
    tally.acknowledged = pushes.filter(({ state }) => state === 'acknowledged').length;
    tally.refused = pushes.filter(({ state }) => state === 'refused').length;
    tally.seals = [...oracle.sessions.values()].filter(({ fate }) => fate === 'sealed').length;
    tally.deletes = [...oracle.artifacts.values()].filter(({ fate }) => fate === 'deleted').length;
  }

  private async sweepLeftovers(bucket: Bucket): Promise<void> {
    const never = [...this.oracle.pushes.values()].filter(({ mischief }) => mischief === 'never sent');
    const unsent = never.flatMap(({ begun, seed, size }) =>
      begun === undefined ? [] : [{ uri: begun.uri, bytes: bytesOf(seed, size) }],
    );
    const { faults, removed } = await sweepLeftovers(this.place, bucket, unsent);
    for (const fault of faults) this.oracle.fault(fault);
    this.tally.unfinished = removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    removeDirectory(this.home);
  }

  private spawn(armed?: Armed): ServerProcess {
    const cacheDir = join(this.home, 'cache');
    // In a bucket nothing is inline by default.
    const inlineMax = this.bucket === undefined ? inlineBytesMax : 0;
    return new ServerProcess(
      { ...this.placeOptions(), inlineBytesMax: inlineMax, armed, collects: true },
      cacheDir,
    );
  }

  private placeOptions(): Place & { readonly bucket: BucketPlace | undefined } {
    const { dataDir, indexDir } = this.place;
    return { dataDir, indexDir, bucket: this.bucket?.process.place(this.bucket.prefix) };
  }

  /** Checks what the crash before has left, then loads the server until `end` has seen it die. */
  private async underLoad(
    armed: (Armed & { readonly quietly: boolean }) | undefined,
    end: (server: ServerProcess) => Promise<void>,
    { tours = armed !== undefined, pieces = false, mayComplain = false } = {},
  ): Promise<void> {
    await using server = this.spawn();
    await using connection = await this.readBack(server, false);
    this.load.sendsDirect = this.bucket !== undefined && !pieces;
    if (armed !== undefined) server.arm(armed);
    const isOver = () => server.hasEnded || connection.lost;
    const loaded = Promise.all([
      ...(armed?.quietly ? [] : [this.load.retry(connection, isOver)]),
      ...(armed?.quietly ? [] : [this.load.run(connection, isOver)]),
      ...(tours ? [this.load.tours(connection, isOver, pieces)] : []),
    ]);
    await end(server);
    const wanted = armed === undefined ? 'killed' : 'failpoint';
    this.expectEnding(await server.whenEnded(), wanted, server, mayComplain);
    await inTime(loaded, 'calls to a dead server did not end');
    this.tally.kills++;
    this.tally.unknown += [...this.oracle.pushes.values()].filter(({ state }) => state === 'unknown').length;
  }

  private async readBack(server: ServerProcess, everything: boolean): Promise<Connection> {
    const ready = await server.whenReady();
    if (ready === undefined) throw new Error(`the server does not start: ${server.stderr}`);
    this.tally.staleFiles += ready.stagingFiles;
    this.tally.pendingSeals += ready.pendingSeals;
    // What the bucket was asked for by the server that is dead now comes to pass.
    await this.bucket?.process.release();
    const staged = this.bucket === undefined ? await stagedFiles(this.place.dataDir) : [];
    for (const file of staged) this.oracle.fault(`staged after a start: ${file}`);
    const unknown = [...this.oracle.pushes.values()].filter(({ state }) => state === 'unknown');
    const connection = await openConnection(ready.address);
    await inTime(check(connection, this.oracle, everything), 'the check did not end', 4 * reachMs);
    this.tally.unknownMade += unknown.filter(({ made }) => made !== undefined).length;
    return connection;
  }

  private expectEnding(ending: string, wanted: string, server: ServerProcess, mayComplain = false): void {
    if (ending !== wanted)
      this.oracle.fault(`the server ended with ${ending}, not ${wanted}: ${server.stderr}`);
    else if (server.stderr !== '' && !mayComplain)
      this.oracle.fault(`the server complained: ${server.stderr}`);
  }
}
