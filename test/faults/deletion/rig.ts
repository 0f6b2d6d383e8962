/**
 * Eight clients push and delete the same four contents while they are collected without any grace; now and then the
 * server is killed. What is acknowledged must be readable all the time; when everything is deleted nothing may be left.
 */
import { mkdtemp, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { pauseSetting } from '../../../src/store/upkeep/pauses.ts';
import { filesBelow, removeDirectory } from '../../support/directories.ts';
import { writeRows } from '../../support/rows.ts';
import type { BucketPlace } from '../bucket/place.ts';
import { callTimeoutMs } from '../connection.ts';
import type { Armed } from '../failpoints.ts';
import { isUnknown, sha256Of } from '../pushing.ts';
import type { Bucket } from '../rig.ts';
import { bytesOf, Chance } from '../seeded.ts';
import { inTime, ServerProcess } from '../server-process.ts';

const workers = 8;
/** Files of one and of several blocks, and one that is kept in the index. */
const sizes = [5_000, 40_000, 1_300_000, 500];
const inlineBytesMax = 2_048;
/** What one worker has at a time: with more of them the contents would hardly ever be free. */
const ownMax = 1;
const twoDaysMs = 2 * 86_400_000;
const patient = { retry: { attemptsMax: 1 }, timeoutMs: callTimeoutMs };

interface DeletionOptions {
  readonly seed: number;
  /** Things that the workers do in all. */
  readonly actions: number;
  /** The server is killed so often, each time between a file and what would refer to it. */
  readonly kills: number;
  /** Where the contents are. Default: in the data directory. */
  readonly bucket?: Bucket;
}

interface DeletionReport {
  readonly faults: readonly string[];
  readonly pushes: number;
  readonly deletes: number;
  readonly reads: number;
  /** Files that were removed while pushes went on, as far as anybody was told. */
  readonly removed: number;
  /** Files that kills had left, and that nothing knew. */
  readonly orphans: number;
}

/** A push of a worker: `unknown` when no answer came. */
interface Own {
  readonly name: string;
  readonly content: number;
  id: string | undefined;
}

export async function deleteAndCollect(options: DeletionOptions): Promise<DeletionReport> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-deletion-'));
  try {
    return await new Rig(home, options).run();
  } finally {
    removeDirectory(home);
  }
}

class Rig {
  private readonly home: string;
  private readonly options: DeletionOptions;
  private readonly chance: Chance;
  private readonly contents: readonly { readonly bytes: Uint8Array; readonly sha256: string }[];
  private readonly own: Own[][] = Array.from({ length: workers }, () => []);
  private readonly faults: string[] = [];
  private readonly tally = { pushes: 0, deletes: 0, reads: 0, removed: 0, orphans: 0 };
  private actions = 0;
  private mayDie = false;

  constructor(home: string, options: DeletionOptions) {
    this.home = home;
    this.options = options;
    this.chance = new Chance(options.seed);
    this.contents = sizes.map((size, at) => {
      const bytes = bytesOf(options.seed + at, size);
      return { bytes, sha256: sha256Of(bytes) };
    });
  }

  private get dataDir(): string {
    return join(this.home, 'data');
  }

  private get place(): BucketPlace | undefined {
    const { bucket } = this.options;
    return bucket?.process.place(bucket.prefix);
  }

  /** What is stored, by its names. */
  private async stored(): Promise<readonly string[]> {
    const { bucket } = this.options;
    if (bucket === undefined) return filesBelow(join(this.dataDir, 'blobs'));
    return await bucket.process.names(`${bucket.prefix}/blobs/`);
  }

  async run(): Promise<DeletionReport> {
    const { kills, actions } = this.options;
    try {
      for (let life = 0; life <= kills; life++) {
        const until = Math.round((actions * (life + 1)) / (kills + 1));
        await this.live(until, life < kills);
      }
      await this.endWithOrphans();
      await this.expectNothingLeft();
    } catch (error) {
      this.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return { faults: this.faults, ...this.tally };
  }

  /** `client` is an operator’s, by the socket, and `address` where others come. */
  private async start(
    armed?: Armed,
  ): Promise<{ server: ServerProcess; client: ArtifactaClient; address: string }> {
    const socket = join(this.home, 'run', 'sock');
    const server = new ServerProcess(
      { dataDir: this.dataDir, bucket: this.place, inlineBytesMax, graceless: true, socket, armed },
      join(this.home, 'cache'),
    );
    const ready = await server.whenReady();
    if (ready === undefined) throw new Error(`the server does not start: ${server.stderr}`);
    const client = await connect(`unix:${socket}`, patient);
    return { server, client, address: `grpc://${ready.address}` };
  }

  /** One life of the server, until so many things have been done in all. */
  private async live(until: number, isKilled: boolean): Promise<void> {
    const { server, client, address } = await this.start();
    await using _server = server;
    await using _client = client;
    this.mayDie = isKilled;
    for (const own of this.own.flat()) await this.read(client, own);
    const enough = Promise.withResolvers<void>();
    const isOver = () => {
      if (this.actions >= until) enough.resolve();
      return server.hasEnded || (this.actions >= until && !isKilled);
    };
    // Every other one shares the operator’s connections by the socket, so that much goes both ways on one of them.
    const work = async (own: Own[], at: number) => {
      await using worker = at % 2 === 0 ? undefined : await connect(address, patient);
      while (!isOver()) await this.act(worker ?? client, own);
    };
    const collect = async () => {
      while (!isOver()) await this.collect(client);
    };
    const all = Promise.all([...this.own.map(work), collect(), collect()]);
    if (isKilled) {
      await Promise.race([enough.promise, server.ended]);
      // A file that has its name, and that nothing will ever refer to.
      server.arm({ step: 'upload.published', occurrence: 1 });
      await inTime(server.ended, 'no file was given its name');
      await all;
      return;
    }
    await all;
    await this.settle(client);
    for (const own of this.own.flat()) await this.read(client, own);
    await this.stop(server);
  }

  private async act(client: ArtifactaClient, own: Own[]): Promise<void> {
    this.actions++;
    const dice = this.chance.next();
    if (own.length < ownMax && dice < 0.6) await this.push(client, own);
    else if (dice < 0.3 && own.length > 0) await this.read(client, this.chance.pick(own));
    else if (own.length > 0) await this.remove(client, own);
  }

  private async push(client: ArtifactaClient, own: Own[]): Promise<void> {
    const content = this.chance.between(0, sizes.length - 1);
    const one: Own = { name: `n${++this.tally.pushes}`, content, id: undefined };
    own.push(one);
    await this.send(client, one);
  }

  private async send(client: ArtifactaClient, one: Own): Promise<void> {
    const { bytes } = this.contents[one.content]!;
    await this.attempt(`the push of ${one.name}`, async () => {
      const { artifact } = await client.push(bytes, { session: 's', name: one.name, requestId: one.name });
      one.id = artifact.id;
    });
  }

  private async read(client: ArtifactaClient, { name, id, content }: Own): Promise<void> {
    if (id === undefined) return;
    this.tally.reads++;
    await this.attempt(`reading ${name}`, async () => {
      const download = await client.open(id);
      if (sha256Of(await download.bytes()) !== this.contents[content]!.sha256)
        this.faults.push(`${name} has other bytes`);
    });
  }

  /** Of what is deleted nobody knows anything, if no answer comes; it is deleted again at the end. */
  private async remove(client: ArtifactaClient, own: Own[]): Promise<void> {
    const one = this.chance.pick(own);
    if (one.id === undefined) return await this.send(client, one);
    const { id } = one;
    own.splice(own.indexOf(one), 1);
    this.tally.deletes++;
    await this.attempt(`deleting ${one.name}`, async () => {
      await client.delete(id);
    });
  }

  private async collect(client: ArtifactaClient, findOrphans = false): Promise<boolean> {
    let more = false;
    await this.attempt('collecting', async () => {
      const did = await client.maintenance.collectGarbage({
        findOrphans,
        maxItems: this.chance.between(1, 40),
      });
      this.tally.removed += did.removed;
      more = did.more;
      for (const { cause, message } of did.pauses)
        if (cause !== 'MANY_ORPHANS') this.faults.push(`collection waits: ${cause} ${message}`);
    });
    return more;
  }

  /** What came of the pushes of which nothing was heard. */
  private async settle(client: ArtifactaClient): Promise<void> {
    for (const one of this.own.flat()) if (one.id === undefined) await this.send(client, one);
  }

  /** Everything is deleted. What kills have left has become old, and goes too, even if the server dies over it. */
  private async endWithOrphans(): Promise<void> {
    await this.onServer(async (client) => {
      for await (const { id } of client.query({ session: 's' })) await client.delete(id);
      while (await this.collect(client));
    });
    if (this.options.kills === 0) return;
    this.tally.orphans = (await this.stored()).length;
    await this.age();
    // They are all that there is, and so more than a tenth of it: an operator has to be asked.
    await this.onServer((client) => this.collect(client, true));
    await this.resume();
    this.mayDie = true;
    const { server, client } = await this.start({ step: 'collect.orphanCondemned', occurrence: 1 });
    await using _server = server;
    await using _client = client;
    await this.collect(client, true);
  }

  /** A server that then stops as it should. */
  private async onServer(work: (client: ArtifactaClient) => Promise<unknown>): Promise<void> {
    this.mayDie = false;
    const { server, client } = await this.start();
    await using _server = server;
    await using _client = client;
    await work(client);
    await this.stop(server);
  }

  private async openIndex(): Promise<Index> {
    const directory = join(this.dataDir, 'index');
    return await openLevelIndex({ directory, markPath: `${directory}.mark` });
  }

  /** As ResumeMaintenance would; the server here has nothing of AdminService. */
  private async resume(): Promise<void> {
    await using index = await this.openIndex();
    const writes = [keys.store.setting.del(pauseSetting('manyOrphans'))];
    await writeRows(index, writes);
  }

  private async expectNothingLeft(): Promise<void> {
    await this.onServer(async (client) => {
      while (await this.collect(client, true));
      while (await this.collect(client));
    });
    for (const file of await this.stored()) this.faults.push(`left: ${file}`);
    if (this.place === undefined)
      for (const file of filesBelow(join(this.dataDir, 'tmp'))) this.faults.push(`staged: ${file}`);
    const { bucket } = this.options;
    for (const request of (await bucket?.process.unguarded(bucket.prefix)) ?? [])
      this.faults.push(`a request could have met another object: ${request}`);
    await using index = await this.openIndex();
    for (const family of Object.values(keys.blobs))
      for await (const block of index.scan(family.range()))
        this.faults.push(`${block.length} rows are left: ${family.name}`);
  }

  /** As if the files had been written long ago. */
  private async age(): Promise<void> {
    const { bucket } = this.options;
    if (bucket !== undefined) return await bucket.process.age(`${bucket.prefix}/blobs/`);
    const then = new Date(Date.now() - twoDaysMs);
    for (const file of await this.stored()) await utimes(file, then, then);
  }

  private async stop(server: ServerProcess): Promise<void> {
    const ending = await server.stop();
    if (ending !== 'exit 0' || server.stderr !== '')
      this.faults.push(`the server ended with ${ending}: ${server.stderr}`);
  }

  /** No answer is no fault where the server may have been killed. */
  private async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      const isExcused = this.mayDie && isUnknown(error) && error.code !== 'DATA_LOSS';
      if (!isExcused) this.faults.push(`${what}: ${error.reason} ${error.message}`);
    }
  }
}
