/**
 * A service that ships its index is killed, again and again, and loses its volume each time. The next one restores what
 * was shipped, and what it says is compared with what the clients know.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactaError } from '../../../src/client/errors.ts';
import { removeDirectory } from '../../support/directories.ts';
import { type Connection, openConnection } from '../connection.ts';
import type { Armed, Failpoint } from '../failpoints.ts';
import { Chance } from '../seeded.ts';
import { inTime, ServerProcess } from '../server-process.ts';
import { DirectWorker } from './direct-worker.ts';
import { dump } from './facts.ts';
import { chainsIn, openBucketPlace, openDirectoryPlace, type Place, shippedUntil } from './places.ts';
import type { VolumeChildOptions } from './service-child.ts';
import { Worker } from './worker.ts';

/** Small, so that manifests and half of the contents are files. */
const inlineBytesMax = 400;
const gatherMs = 400;
const workersCount = 4;
/** The longest time that a service works before a failpoint is armed, in milliseconds. */
const armedMsMax = 1_500;
/** How long load may go on without reaching its failpoint, in milliseconds. */
const reachMs = 90_000;

export type Kind = 'bucket' | 'directory';

/** How a life ends. */
export interface End {
  /** Where the service stops dead. Undefined: it is killed at some time. */
  readonly step?: Failpoint;
  /** True: already on its way to the restored state, if it comes by there. */
  readonly early?: boolean;
}

/** The ends of which each must be tried. */
export const ends: readonly End[] = [
  {},
  { step: 'segment.begun' },
  { step: 'segment.written' },
  { step: 'segment.published' },
  { step: 'export.written' },
  { step: 'export.published' },
  { step: 'export.trimmed' },
  { step: 'export.written', early: true },
  { step: 'export.published', early: true },
  { step: 'segment.published', early: true },
  { step: 'seal.fenced' },
  { step: 'manifest.staged' },
  { step: 'manifest.written' },
  { step: 'manifest.published' },
  { step: 'seal.sealed' },
  { step: 'answer.leaving' },
  {},
];

interface VolumeTally {
  lives: number;
  acknowledged: number;
  /** Seals that were answered when they were shipped. */
  durableSeals: number;
  /** Acknowledged things that were gone, since they had not been shipped. */
  lost: number;
  /** Services that died while they restored. */
  diedRestoring: number;
  /** Acknowledged uploads whose bytes the client had sent to the bucket. */
  direct: number;
}

class VolumeRig implements AsyncDisposable {
  readonly faults: string[] = [];
  readonly tally: VolumeTally = {
    lives: 0,
    acknowledged: 0,
    durableSeals: 0,
    lost: 0,
    diedRestoring: 0,
    direct: 0,
  };
  private readonly home: string;
  private readonly place: Place;
  private readonly chance: Chance;
  private readonly workers: Worker[];
  /** Undefined: the contents are in no bucket. */
  private readonly direct: DirectWorker | undefined;
  /** What was acknowledged before this time must be there, in milliseconds since the Unix epoch. */
  private until = 0;
  /** Whether the workers know what the present service has restored. */
  private isRestored = false;

  private constructor(home: string, place: Place, seed: number) {
    this.home = home;
    this.place = place;
    this.chance = new Chance(seed);
    this.workers = Array.from(
      { length: workersCount },
      (_, at) => new Worker(`w${at + 1}`, new Chance(this.chance.seed())),
    );
    if (place.options.blobs !== undefined) this.direct = new DirectWorker(new Chance(this.chance.seed()));
  }

  static async open(kind: Kind, seed: number): Promise<VolumeRig> {
    const home = await mkdtemp(join(tmpdir(), `artifacta-volume-${kind}-`));
    const place = await (kind === 'bucket' ? openBucketPlace(home) : openDirectoryPlace(home));
    return new VolumeRig(home, place, seed);
  }

  /**
   * One life: a service restores what was shipped, works, and dies; its volume is lost.
   *
   * @param lifeMs the longest time for which it works, if it is killed at some time.
   */
  async live({ step, early }: End, lifeMs = 3_000): Promise<void> {
    const armed = step && { step, occurrence: early ? 1 : this.chance.between(1, 2) };
    const known = new Set(await chainsIn(this.place));
    await using server = this.spawn(early ? armed : undefined, gatherMs);
    const connection = await this.restored(server);
    if (connection !== undefined) {
      await using _closed = connection;
      // Before, it does a few things that are shipped.
      if (!early && armed !== undefined) void this.armLater(server, armed);
      await this.work(
        server,
        connection,
        step === undefined || early ? this.chance.next() * lifeMs : undefined,
      );
    }
    await server.whenEnded();
    await this.afterDeath(server, known);
  }

  private async armLater(server: ServerProcess, armed: Armed): Promise<void> {
    await delay(this.chance.next() * armedMsMax);
    server.arm(armed);
  }

  /** Works for this time with the usual gathering, and then requires what was acknowledged ten seconds before. */
  async liveTenSeconds(lifeMs: number): Promise<void> {
    const known = new Set(await chainsIn(this.place));
    await using server = this.spawn(undefined, undefined);
    const connection = await this.restored(server);
    if (connection === undefined) throw new Error(`the service does not restore: ${server.stderr}`);
    {
      await using _closed = connection;
      await this.work(server, connection, lifeMs, () => {
        this.until = Date.now() - 10_000;
      });
    }
    await server.whenEnded();
    await this.afterDeath(server, known);
  }

  /** Restores a last time, and checks. */
  async finish(): Promise<void> {
    await using server = this.spawn(undefined, gatherMs);
    const connection = await this.restored(server);
    await connection?.[Symbol.asyncDispose]();
    this.tally.direct = this.direct?.made ?? 0;
    this.tally.acknowledged = this.workers.reduce((sum, { acked }) => sum + acked, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
    removeDirectory(this.home);
  }

  private spawn(armed: Armed | undefined, gather: number | undefined): ServerProcess {
    const options: VolumeChildOptions = { ...this.place.options, inlineBytesMax, gatherMs: gather, armed };
    return new ServerProcess(options, join(this.home, 'cache'), {
      under: ['env', ...this.place.environment],
      script: join(import.meta.dirname, 'service-child.ts'),
    });
  }

  /** @returns undefined if it died on its way. */
  private async restored(server: ServerProcess): Promise<Connection | undefined> {
    const ready = await server.whenReady();
    if (ready === undefined) return await this.diedRestoring(server);
    const connection = await openConnection(ready.address);
    try {
      if (this.tally.lives++ === 0) await seedWith(connection);
      else await this.restore(connection);
      this.isRestored = true;
      return connection;
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      await Promise.race([server.ended, delay(2_000)]);
      if (!server.hasEnded) throw error;
      return await this.diedRestoring(server);
    }
  }

  private async diedRestoring(server: ServerProcess): Promise<undefined> {
    if ((await server.whenEnded()) !== 'failpoint')
      throw new Error(`the service does not start: ${server.stderr}`);
    this.tally.diedRestoring++;
    return undefined;
  }

  private async restore({ client }: Connection): Promise<void> {
    const { status } = await client.admin.importFrom(this.place.name);
    for (const { id } of status.pauses) await client.admin.resume(id);
    const { facts, sessions, faults } = await dump(client);
    this.faults.push(...faults);
    if (sessions.get('kept')?.state !== 'sealed') this.faults.push('the first session is gone');
    for (const worker of this.workers) {
      const { fault, lost } = worker.adopt(facts, this.until);
      if (fault !== undefined) this.faults.push(`${fault}; until ${this.until}`);
      this.tally.lost += lost;
    }
    this.faults.push(...(this.direct?.adopt(facts, this.until) ?? []));
    this.until = 0;
    for (const worker of this.workers) worker.promised.length = 0;
  }

  /** @param lifeMs after this time it is killed. Undefined: it dies by itself. */
  private async work(
    server: ServerProcess,
    connection: Connection,
    lifeMs: number | undefined,
    beforeKill = () => {},
  ): Promise<void> {
    const { client } = connection;
    let isKilled = false;
    const isOver = () => isKilled || server.hasEnded;
    const working = Promise.all(
      [
        ...this.workers.map((worker) => worker.work(client, isOver)),
        exportAgain(client, isOver),
        this.direct?.work(connection, isOver),
      ].map(async (work) => {
        const error = await work;
        // A refusal has a reason; a call that broke off has none.
        if (error instanceof ArtifactaError && error.reason === undefined) return;
        if (error !== undefined) this.faults.push(`a call failed: ${String(error)}`);
      }),
    );
    if (lifeMs === undefined) await inTime(server.ended, 'its failpoint was not reached', reachMs);
    else {
      await Promise.race([delay(lifeMs), server.ended]);
      isKilled = true;
      beforeKill();
      await server.kill();
    }
    await inTime(working, 'calls to a dead service did not end');
  }

  private async afterDeath(server: ServerProcess, known: ReadonlySet<string>): Promise<void> {
    const promised = this.workers.flatMap((worker) => worker.promised);
    // What was not restored in this life is still what the life before has left.
    if (this.isRestored) {
      this.tally.durableSeals += promised.length;
      this.until = Math.max(this.until, await shippedUntil(this.place, known), ...promised);
    }
    this.isRestored = false;
    const complaints = /cannot be shipped|unhandled|collecting|TypeError/.exec(server.stderr);
    if (complaints !== null) this.faults.push(`the service complained: ${server.stderr}`);
    this.place.loseVolume();
  }
}

/** A content in a file, so that the loss of the index can be noticed. */
async function seedWith({ client }: Connection): Promise<void> {
  await client.push(Buffer.alloc(5_000, 'x'), { session: 'kept', name: 'file' });
  await client.sessions.seal('kept', 'succeeded', { durability: 'shipped' });
}

async function exportAgain(client: Connection['client'], isOver: () => boolean): Promise<unknown> {
  while (!isOver()) {
    await delay(100);
    try {
      if (!isOver()) await client.maintenance.export({ minAgeMs: 0, keep: 2 });
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

interface VolumeReport {
  readonly faults: readonly string[];
  readonly tally: VolumeTally;
}

/** Lives that end as given, on one place, one after another. Stops at the first that leaves a fault. */
export async function loseVolumes(
  kind: Kind,
  seed: number,
  planned: readonly End[],
  more: (rig: VolumeRig) => Promise<void> = async () => {},
): Promise<VolumeReport> {
  await using rig = await VolumeRig.open(kind, seed);
  try {
    for (const end of planned) {
      await rig.live(end);
      if (rig.faults.length > 0) break;
    }
    if (rig.faults.length === 0) await more(rig);
    if (rig.faults.length === 0) await rig.finish();
  } catch (error) {
    rig.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { faults: rig.faults, tally: rig.tally };
}
