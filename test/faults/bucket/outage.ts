/**
 * The bucket fails under load, in one way after another, and works again. Calls that need it are answered in their time;
 * those that need only the index go on. Nothing that was acknowledged is lost, memory and disk are bounded, and the
 * service works again without a restart. What the index has is shipped when the bucket takes it again.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactaClient, connect } from '../../../src/client/client.ts';
import { openEndpoint } from '../../../src/client/wire/endpoint.ts';
import { toArtifactaError } from '../../../src/client/wire/to-error.ts';
import { decodeSegment } from '../../../src/store/custody/segments.ts';
import type { Fault, Kind } from '../../support/gcs/server.ts';
import type { Outcome } from '../outcome.ts';
import { isUnknown } from '../pushing.ts';
import { bytesOf, Chance } from '../seeded.ts';
import { inTime } from '../server-process.ts';
import { type Service, startService } from '../service.ts';
import { BucketProcess } from './bucket-process.ts';

const place = 'outage/store';
/** In all, the memory for bytes that the bucket does not have yet included. */
const memoryMiBMax = 640;
const diskMiBMax = 64;
/** More than the half minute for which the service tries; then less. */
const deadlinesMs = [40_000, 3_000];
/** Each has one call at a time: see {@link Load.run}. */
const workers = 12;
const lateMs = 5_000;
/** A stream has no deadline once it has begun: then it ends when the service has tried for so long. */
const triedMs = 30_000;
const sampleMs = 250;
/** A client waits before it tries again. */
const pauseMs = 200;
const MiB = 1024 * 1024;

/** How the bucket fails. */
type Failing = true | 'reset' | 'stall';

interface OutageOptions {
  readonly seed: number;
  readonly failings: readonly Failing[];
  /** Waits for the end of a failing. */
  readonly untilOver: (load: Load) => Promise<void>;
  /** False: the times of calls are not judged. */
  readonly isTimed: boolean;
}

/** Plays it once. */
export async function failBucket({ seed, failings, untilOver, isTimed }: OutageOptions): Promise<Outcome> {
  await using bucket = await BucketProcess.start();
  const variables = { STORAGE_EMULATOR_HOST: bucket.endpoint };
  await using service = await startService('outage', ['--blobs', `gs://bucket/${place}`], variables);
  const load = new Load(service, new Chance(seed), isTimed);
  const watched = watch(service);
  const working = load.run();
  await load.pushed(10);
  await failOnce(bucket, load);
  for (const how of failings) {
    await bucket.down(how);
    await untilOver(load);
    await bucket.down(false);
    // It works again by itself.
    await load.pushed(10);
  }
  load.isOver = true;
  await working;
  const { faults } = load;
  await using client = await connect(`grpc://${service.grpc}`, { token: service.key });
  await load.settle(client);
  await load.readBack(client, 'after the outage');
  await shipped(service, bucket, faults);
  const { memoryMiB, diskMiB } = watched.end();
  if (memoryMiB > memoryMiBMax) faults.push(`it took ${memoryMiB.toFixed(0)} MiB of memory`);
  if (diskMiB > diskMiBMax) faults.push(`its directory grew by ${diskMiB.toFixed(0)} MiB`);
  const again = await service.again();
  await using _again = again;
  await using fresh = await connect(`grpc://${again.grpc}`, { token: again.key });
  await load.readBack(fresh, 'after a kill');
  const said = { ...load.tally, memoryMiB: Math.round(memoryMiB), diskMiB: Math.round(diskMiB) };
  return { name: `a bucket that fails: ${failings.join(', ')}`, faults, said: JSON.stringify(said) };
}

/** Requests that fail once, of each kind that pushes and reads make. */
const once: readonly (readonly [Kind, Fault])[] = [
  ['create', { status: 503 }],
  ['create', 'reset'],
  ['create', 'lost answer'],
  ['begin', { status: 429 }],
  ['put', 'reset'],
  ['put', 'lost answer'],
  ['read', { status: 500 }],
  ['read', 'reset'],
  ['read', { cutAfter: 100 }],
];

/** Single requests fail, one after another: no call may fail for that. */
async function failOnce(bucket: BucketProcess, load: Load): Promise<void> {
  load.mustSucceed = true;
  for (const [kind, fault] of once) {
    const { met } = await bucket.fail(kind, fault);
    await inTime(met, `nobody makes a request to ${kind}`, 60_000);
    await load.worked();
  }
  load.mustSucceed = false;
}

/** A content that a worker has pushed or tries to push. */
interface Push {
  readonly name: string;
  readonly seed: number;
  readonly size: number;
  /** Undefined until the push is acknowledged. */
  id: string | undefined;
}

/** Clients that push small and large contents and read them, and one that only lists. */
class Load {
  readonly faults: string[] = [];
  readonly tally = { pushed: 0, read: 0, listed: 0, failed: 0, longestMs: 0 };
  isOver = false;
  /** True: the bucket has no failure that lasts, so it is not a reason for a call to fail. */
  mustSucceed = false;
  private readonly service: Service;
  private readonly chance: Chance;
  private readonly isTimed: boolean;
  private readonly pushes: Push[] = [];
  private ended = 0;
  private readonly waiting = new Set<() => void>();

  constructor(service: Service, chance: Chance, isTimed: boolean) {
    this.service = service;
    this.chance = chance;
    this.isTimed = isTimed;
  }

  /** Works until {@link isOver}. */
  async run(): Promise<void> {
    const small = () => this.chance.between(1, 60_000);
    const large = () => this.chance.between(8 * MiB + 1, 10 * MiB);
    await Promise.all([
      ...deadlinesMs.flatMap((deadlineMs) => [
        ...[small, small, small].map((size) =>
          this.work('a small push', deadlineMs, (client) => this.push(client, size())),
        ),
        this.work('a large push', deadlineMs, (client) => this.push(client, large())),
        ...[0, 1].map(() => this.work('a reading', deadlineMs, (client) => this.read(client))),
      ]),
      this.list(),
    ]);
  }

  /** Resolves when so many calls have failed from now on. */
  async failed(count: number): Promise<void> {
    const enough = this.tally.failed + count;
    await this.until(() => this.tally.failed >= enough);
  }

  /** Resolves when as many calls have ended as can have been under way. */
  async worked(): Promise<void> {
    const enough = this.ended + workers;
    await this.until(() => this.ended >= enough);
  }

  /** Resolves when so many pushes have been acknowledged, and calls without the bucket answered, from now on. */
  async pushed(count: number): Promise<void> {
    const enough = { pushed: this.tally.pushed + count, listed: this.tally.listed + count };
    await this.until(() => this.tally.pushed >= enough.pushed && this.tally.listed >= enough.listed);
  }

  /** Sends again what was not acknowledged, as clients do: now it must be. */
  async settle(client: ArtifactaClient): Promise<void> {
    for (const push of this.pushes) if (push.id === undefined) await this.send(client, push);
  }

  /** Reads all that was acknowledged. */
  async readBack(client: ArtifactaClient, when: string): Promise<void> {
    const found = new Set<string>();
    for await (const { id } of client.query({ session: 's', allVersions: true })) found.add(id);
    for (const { id, name, seed, size } of this.pushes) {
      if (id === undefined || !found.delete(id)) this.faults.push(`${when}: ${name} is lost`);
      else
        await this.attempt(`${when}: reading ${name}`, async () => {
          const bytes = await (await client.open(id)).bytes();
          if (!Buffer.from(bytes).equals(bytesOf(seed, size)))
            this.faults.push(`${when}: other bytes of ${name}`);
        });
    }
    for (const id of found) this.faults.push(`${when}: ${id} was pushed twice, or not at all`);
  }

  private async until(isSo: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => void (isSo() && resolve());
    this.waiting.add(look);
    look();
    await inTime(
      promise,
      `it does not go on: ${JSON.stringify(this.tally)} ${this.faults.at(-1) ?? ''}`,
      180_000,
    );
    this.waiting.delete(look);
  }

  private async work(
    what: string,
    deadlineMs: number,
    act: (client: ArtifactaClient) => Promise<void>,
  ): Promise<void> {
    const { grpc, key: token } = this.service;
    const options = { token, retry: { attemptsMax: 1 }, timeoutMs: deadlineMs };
    await using client = await connect(`grpc://${grpc}`, options);
    while (!this.isOver) {
      const failed = await this.timed(what, deadlineMs, () => act(client));
      this.ended++;
      for (const look of this.waiting) look();
      if (failed) await delay(pauseMs);
    }
  }

  /** A call that may fail, but not late, and not as if the bytes were lost. @returns true if it failed. */
  private async timed(what: string, deadlineMs: number, call: () => Promise<void>): Promise<boolean> {
    const beganMs = performance.now();
    let hasFailed = false;
    try {
      await call();
    } catch (thrown) {
      const error = toArtifactaError(thrown);
      hasFailed = true;
      this.tally.failed++;
      if (!isUnknown(error) || error.code === 'DATA_LOSS')
        this.faults.push(`${what} failed with ${error.code} ${error.reason}: ${error.message}`);
      if (this.mustSucceed && error.reason === 'STORE_UNAVAILABLE')
        this.faults.push(`${what} failed after a single failure of the bucket: ${error.message}`);
      const isOwn = deadlineMs < deadlinesMs[0]! || !this.isTimed;
      if (error.reason === undefined && !isOwn)
        this.faults.push(`the service gave no answer to ${what}: ${error.message}`);
    }
    const tookMs = performance.now() - beganMs;
    this.tally.longestMs = Math.max(this.tally.longestMs, Math.round(tookMs));
    const longestMs = what === 'a small push' ? deadlineMs : Math.max(deadlineMs, triedMs);
    if (this.isTimed && tookMs > longestMs + lateMs)
      this.faults.push(`${what} of ${deadlineMs} ms took ${Math.round(tookMs)} ms`);
    return hasFailed;
  }

  private async push(client: ArtifactaClient, size: number): Promise<void> {
    const name = `n${this.pushes.length}`;
    const push: Push = { name, seed: this.chance.seed(), size, id: undefined };
    this.pushes.push(push);
    await this.send(client, push);
  }

  private async send(client: ArtifactaClient, push: Push): Promise<void> {
    const { name, seed, size } = push;
    const { artifact } = await client.push(bytesOf(seed, size), { session: 's', name, requestId: name });
    push.id = artifact.id;
    this.tally.pushed++;
  }

  private async read(client: ArtifactaClient): Promise<void> {
    const known = this.pushes.filter(({ id }) => id !== undefined);
    if (known.length === 0) return await delay(pauseMs);
    const { id, seed, size } = this.chance.pick(known.slice(-40));
    const bytes = await (await client.open(id!)).bytes();
    if (!Buffer.from(bytes).equals(bytesOf(seed, size))) this.faults.push(`${id}: other bytes were read`);
    this.tally.read++;
  }

  /** The canary: the bucket is nothing to it, so each of its calls must succeed. */
  private async list(): Promise<void> {
    const { grpc, key: token } = this.service;
    await using client = await connect(`grpc://${grpc}`, {
      token,
      retry: { attemptsMax: 1 },
      timeoutMs: 20_000,
    });
    // Before the first push.
    const mayBeAbsent = true;
    while (!this.isOver) {
      await this.attempt(
        'listing',
        async () => {
          let left = 20;
          for await (const _ of client.query({ session: 's' })) if (--left === 0) break;
          this.tally.listed++;
        },
        mayBeAbsent,
      );
      for (const look of this.waiting) look();
      await delay(pauseMs / 4);
    }
  }

  private async attempt(what: string, work: () => Promise<void>, mayBeAbsent = false): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const { code, message } = toArtifactaError(thrown);
      if (!mayBeAbsent || code !== 'NOT_FOUND') this.faults.push(`${what}: ${code} ${message}`);
    }
  }
}

/** Looks at the memory and the directory of a service from time to time. */
function watch({ pid, dataDir }: Service) {
  const sizeOf = () => {
    let bytes = 0;
    for (const { parentPath, name } of readdirSync(dataDir, { recursive: true, withFileTypes: true }))
      bytes += statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0;
    return bytes;
  };
  const before = sizeOf();
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, sizeOf() - before);
  }, sampleMs);
  return {
    end: () => {
      clearInterval(timer);
      const [, kibibytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return { memoryMiB: Number(kibibytes) / 1024, diskMiB: most / MiB };
    },
  };
}

/** Waits until the bucket has the newest commit of the index. */
async function shipped({ socket }: Service, bucket: BucketProcess, faults: string[]): Promise<void> {
  const endpoint = await openEndpoint(`unix:${socket}`);
  await using _client = new ArtifactaClient(endpoint, {});
  const { status } = await createClient(AdminService, endpoint.transport).getStoreStatus({});
  const wanted = Number(status!.commitNumber);
  for (let tries = 0; tries < 120; tries++) {
    const newest = (await bucket.names(`${place}/segments/`)).toSorted().at(-1);
    const { batches } =
      newest === undefined
        ? { batches: [] }
        : decodeSegment(newest.slice(`${place}/segments/`.length), await bucket.bytes(newest));
    if ((batches.at(-1)?.commit.seq ?? 0) >= wanted) return;
    await delay(500);
  }
  faults.push(`the commit ${wanted} was not shipped within a minute`);
}
