/**
 * Blobs as objects of a bucket, below a prefix:
 *
 *     artifacta-store.json                         the claim: to which store the place belongs
 *     blobs/<internal id>/<2 hex>/<upload id>      contents
 *     exports/<time>.index                         exports of the index
 *     segments/<commit>.<store>.segment            batches of the index since the exports
 *     probes/<process>                             empty, while a process looks whether it may use the bucket
 *
 * An object is created once and never written again. Nothing is staged in the bucket or on the volume: a blob that is
 * being written is in memory, and in the pieces of an upload, which no listing shows.
 */
import { randomBytes } from 'node:crypto';
import { Failure } from '../../domain/errors.ts';
import { type BucketAddress, bucketAddressText } from '../../domain/system/bucket-address.ts';
import { type After, afterAwaitedTime } from '../../domain/timer.ts';
import type { BlobStat, BlobStore, BlobTraffic, ReadUrl, ShownAs, StagedBlob } from '../blob-store.ts';
import {
  type ExportFiles,
  exportPrefix,
  isExportName,
  isSegmentName,
  segmentPrefix,
} from '../export-files.ts';
import { blobName, checkByteRange, checkInternalId, checkShard, parseBlobName } from '../names.ts';
import { openAccess } from './access.ts';
import { bucketFields, bucketWarnings } from './bucket-state.ts';
import { Claim } from './claim.ts';
import { BucketClient } from './client.ts';
import { Exchange } from './exchange.ts';
import { BucketExports } from './exports.ts';
import { Objects, refusedAs } from './objects.ts';
import { readPieces } from './reading.ts';
import { RetryAllowance } from './retries.ts';
import { Signing } from './signing.ts';
import { StagedObject } from './staged-object.ts';
import { UploadMemory } from './upload-memory.ts';

/** The settings of blobs in a bucket. */
interface GcsBlobsOptions {
  readonly address: BucketAddress;
  /** Default: the address of the library, which is that of the service. Another one is used without credentials. */
  readonly endpoint?: string | undefined;
  /** See {@link Access.sign}. Default: the address of the library. */
  readonly signingEndpoint?: string | undefined;
  /** The memory for bytes that the bucket does not have yet. Default 128 MiB. */
  readonly memoryBytesMax?: number;
  /** The time of one request with all its retries, in milliseconds. Default 30,000. */
  readonly operationMs?: number;
  /** The longest time without a byte in either direction, in milliseconds. Default 10,000. */
  readonly stallMs?: number;
  /** Default: real time. */
  readonly after?: After;
  /** Returns milliseconds from any origin. Default: the clock of the process. */
  readonly elapsed?: () => number;
  /** Returns at least 0 and less than 1. Default: `Math.random`. */
  readonly random?: () => number;
  /** Called when {@link GcsBlobs.trouble} has changed. Default: nothing is called. */
  readonly onTrouble?: () => void;
  /** Gets what an operator should know. Default: nothing is called. */
  readonly warn?: (message: string) => void;
  /** Milliseconds since the Unix epoch, for URLs. Default `Date.now`. */
  readonly now?: () => number;
}

const socketsMax = 64;
const pageMax = 1_000;
/** While the bucket is forbidden, it is tried again after this time. */
const probeMs = 5_000;
/** The settings of the bucket are asked for during a start, which does not wait for them any longer. */
const warningsMs = 2_000;

/** Opens blobs in a bucket. No request is made yet. */
export async function openGcsBlobs(options: GcsBlobsOptions): Promise<GcsBlobs> {
  const { endpoint, signingEndpoint } = options;
  return new GcsBlobs(options, await openAccess({ endpoint, signingEndpoint }));
}

/** The blobs of one store in a bucket. */
export class GcsBlobs implements BlobStore, Disposable {
  /** The address, for people. */
  readonly place: string;
  private readonly client: BucketClient;
  private readonly exchange: Exchange;
  private readonly objects: Objects;
  private readonly claim: Claim;
  private readonly memory: UploadMemory;
  private readonly signing: Signing;
  private readonly after: After;
  private readonly elapsed: () => number;
  private readonly operationMs: number;
  private readonly onTrouble: () => void;
  private readonly writer = freshId();
  private readonly prepared = new Set<string>();
  private readonly staged = new Map<string, StagedObject>();
  private claimedFor: string | undefined;
  private cancelProbe: (() => void) | undefined;

  /** Use {@link openGcsBlobs}. */
  constructor(options: GcsBlobsOptions, access: Awaited<ReturnType<typeof openAccess>>) {
    const { after = afterAwaitedTime, elapsed = () => performance.now(), random = Math.random } = options;
    this.after = after;
    this.elapsed = elapsed;
    this.operationMs = options.operationMs ?? 30_000;
    this.onTrouble = options.onTrouble ?? (() => undefined);
    this.place = bucketAddressText(options.address);
    this.exchange = new Exchange({ stallMs: options.stallMs ?? 10_000, after, elapsed, socketsMax });
    this.client = new BucketClient({
      access,
      exchange: this.exchange,
      allowance: new RetryAllowance(elapsed),
      place: this.place,
      operationMs: this.operationMs,
      after,
      elapsed,
      random,
      onTrouble: () => this.noteTrouble(),
    });
    this.objects = new Objects(this.client, options.address);
    this.claim = new Claim({ client: this.client, objects: this.objects, place: this.place });
    this.memory = new UploadMemory(options.memoryBytesMax ?? 128 * 1024 * 1024);
    const { warn = () => undefined, now = Date.now } = options;
    this.signing = new Signing({ access, place: this.place, warn, now, after, elapsed });
  }

  /** Returns why the bucket cannot be used at the moment; undefined if nothing is known against it. */
  get trouble(): string | undefined {
    return this.client.trouble;
  }

  get traffic(): BlobTraffic {
    const { takenBytes, waitingCount } = this.memory;
    return { ...this.client.counts, bufferedBytes: takenBytes, waiting: waitingCount };
  }

  /** Returns the id of the store that the place belongs to; undefined if it belongs to none. */
  owner(): Promise<string | undefined> {
    return this.claim.owner();
  }

  /** Claims the place. @throws Failure STORE_UNAVAILABLE if it belongs to another store. */
  async claimFor(storeId: string): Promise<void> {
    if (this.claimedFor === storeId) return;
    await this.claim.take(storeId, { writer: this.writer, upload: freshId() });
    this.claimedFor = storeId;
  }

  /**
   * Returns what an operator should know of the bucket's settings; nothing if the credentials may not read them, or the
   * bucket does not answer at once.
   */
  async warnings(): Promise<string[]> {
    const late = new AbortController();
    const cancel = this.after(warningsMs, () => late.abort(new Error('no answer')));
    try {
      return bucketWarnings(this.place, await this.objects.bucketFields(bucketFields, late.signal));
    } catch {
      return [];
    } finally {
      cancel();
    }
  }

  /** Returns true if the place has a content. */
  async hasContents(): Promise<boolean> {
    const { items } = await this.page('blobs/', undefined, 1);
    return items.length > 0;
  }

  /** Returns true if the place has an export of an index. */
  async hasExports(): Promise<boolean> {
    const { items } = await this.page(`${exportPrefix}/`, undefined, 1);
    return items.length > 0;
  }

  get stagedCount(): number {
    return this.staged.size;
  }

  get stagedBytes(): number {
    let bytes = 0;
    for (const { bytesWritten } of this.staged.values()) bytes += bytesWritten;
    return bytes;
  }

  /** A bucket has no directories. */
  async prepareNamespace(internalId: string): Promise<void> {
    checkInternalId(internalId);
    this.prepared.add(internalId);
  }

  async stage(name: string, signal?: AbortSignal): Promise<StagedBlob> {
    const { internalId } = blobName(name);
    if (this.staged.has(name))
      throw new Failure('INTERNAL', 'the physical name of an upload exists already: it is being written');
    const staged = this.begin(name, `blobs/${name}`, {
      signal,
      checkCommit: () => {
        if (!this.prepared.has(internalId))
          throw new Failure('STORE_UNAVAILABLE', 'the namespace must be prepared first');
      },
      onSettled: () => this.staged.delete(name),
    });
    this.staged.set(name, staged);
    return staged;
  }

  private begin(
    name: string,
    objectName: string,
    rest: Pick<
      ConstructorParameters<typeof StagedObject>[0],
      'signal' | 'checkCommit' | 'onSettled' | 'leavesWhole'
    >,
  ): StagedObject {
    const { objects, client, memory } = this;
    const mark = { writer: this.writer, upload: freshId() };
    return new StagedObject({ name, objectName, mark, objects, client, memory, ...rest });
  }

  /** The exports of the index next to the contents, which no collection looks at. */
  exports(): ExportFiles {
    return this.filesIn(exportPrefix, isExportName, false);
  }

  /** The segments of the index, in the same way. */
  segments(): ExportFiles {
    return this.filesIn(segmentPrefix, isSegmentName, true);
  }

  private filesIn(prefix: string, isName: (name: string) => boolean, leavesWhole: boolean): ExportFiles {
    const { client, objects } = this;
    const rest = { signal: undefined, checkCommit: () => undefined, onSettled: () => undefined, leavesWhole };
    const stage = (name: string) => this.begin(name, name, rest);
    return new BucketExports({ client, objects, prefix, isName, stage });
  }

  read(
    name: string,
    offset: number,
    length: number,
    signal?: AbortSignal,
    generation?: string,
  ): AsyncGenerator<Uint8Array> {
    blobName(name);
    checkByteRange(offset, length);
    const { client, objects, elapsed, operationMs } = this;
    const onAbsent = () => this.requirePlace();
    const range = { objectName: `blobs/${name}`, offset, end: offset + length, generation };
    return readPieces({ client, objects, elapsed, operationMs, onAbsent }, range, signal);
  }

  /** Makes no request to the bucket. */
  async readUrl(
    name: string,
    generation: string,
    shown: ShownAs,
    signal?: AbortSignal,
  ): Promise<ReadUrl | undefined> {
    blobName(name);
    return await this.signing.url({ ...this.objects.placeOf(`blobs/${name}`), generation, ...shown }, signal);
  }

  /** The bucket drops an upload that is not complete after a week, and its URL with it. */
  async uploadUrl(name: string, sizeBytes: number, signal?: AbortSignal): Promise<string> {
    blobName(name);
    const mark = { writer: this.writer, upload: freshId() };
    try {
      const begun = await this.client.run(
        'create',
        (each) => this.objects.begin(`blobs/${name}`, mark, each, sizeBytes),
        signal,
      );
      return begun.href;
    } catch (error) {
      throw this.client.unexpected(error, 'beginning an upload');
    }
  }

  async stat(name: string, generation?: string): Promise<BlobStat | undefined> {
    blobName(name);
    try {
      const facts = await this.client.run('read', (signal) =>
        this.objects.facts(`blobs/${name}`, generation, signal),
      );
      const { sizeBytes, createTimeMs, crc32c } = facts;
      return { sizeBytes, modifyTimeMs: createTimeMs, generation: facts.generation, crc32c };
    } catch (error) {
      if (!refusedAs(error, 'absent')) throw this.client.unexpected(error, 'looking for a blob');
      await this.requirePlace();
      return undefined;
    }
  }

  /** By generation, so that a request which is repeated, or comes late, deletes nothing else. */
  async delete(name: string, generation?: string): Promise<void> {
    blobName(name);
    try {
      await this.client.run('delete', (signal) => this.objects.delete(`blobs/${name}`, generation, signal));
    } catch (error) {
      if (refusedAs(error, 'absent')) return await this.requirePlace();
      if (!refusedAs(error, 'kept')) throw this.client.unexpected(error, 'deleting a blob');
      const message = `${this.place} keeps ${name}: a hold, or a retention period, has not ended`;
      throw new Failure('STORE_UNAVAILABLE', message, { cause: error });
    }
  }

  /** The listing of a bucket is strongly consistent. Skips objects whose names do not follow the grammar. */
  async *list(internalId: string, only?: string): AsyncGenerator<string> {
    checkInternalId(internalId);
    const start = only === undefined ? `blobs/${internalId}/` : `blobs/${internalId}/${checkShard(only)}/`;
    let token: string | undefined;
    do {
      const { items, next } = await this.page(start, token, pageMax);
      for (const name of items.map((item) => item.name.slice('blobs/'.length)))
        if (parseBlobName(name) !== undefined) yield name;
      token = next;
    } while (token !== undefined);
  }

  /** The room in a bucket has no end. */
  async space(): Promise<undefined> {
    return undefined;
  }

  /** An upload that an earlier process has begun is not an object, and the bucket drops it after a week. */
  async removeStale(): Promise<number> {
    if (this.staged.size > 0) throw new Error('removeStale must not run while blobs are staged');
    return 0;
  }

  [Symbol.dispose](): void {
    this.cancelProbe?.();
    this.exchange[Symbol.dispose]();
  }

  private async page(start: string, token: string | undefined, most: number) {
    try {
      return await this.client.run('list', (signal) => this.objects.list(start, { token, most }, signal));
    } catch (error) {
      throw this.client.unexpected(error, 'listing blobs');
    }
  }

  /** An object is absent also if the whole place is. @throws Failure STORE_UNAVAILABLE if that is so. */
  private async requirePlace(): Promise<void> {
    if (await this.claim.isThere()) return;
    const message =
      `${this.place} is not the place of this store, or the bucket is gone: artifacta-store.json is missing in it. ` +
      'Restore the bucket, or correct --blobs';
    throw new Failure('STORE_UNAVAILABLE', message);
  }

  /** No call may come while the service is not ready. So it looks by itself whether the bucket can be used again. */
  private noteTrouble(): void {
    this.cancelProbe?.();
    this.cancelProbe = this.trouble === undefined ? undefined : this.after(probeMs, () => void this.probe());
    this.onTrouble();
  }

  private async probe(): Promise<void> {
    await this.tryAll().catch(() => undefined);
    if (this.trouble === undefined) return;
    this.cancelProbe?.();
    this.cancelProbe = this.after(probeMs, () => void this.probe());
  }

  /** Makes a request of each kind. @throws Failure if one is forbidden. */
  private async tryAll(): Promise<void> {
    const { client, objects } = this;
    const name = `probes/${this.writer}`;
    const unless = (meaning: string) => (error: unknown) => {
      if (!refusedAs(error, meaning)) throw error;
    };
    const mark = { writer: this.writer, upload: 'probe' };
    const content = { parts: [], mark, crc32c: 'AAAAAA==' };
    await client.run('create', (signal) => objects.create(name, content, signal)).catch(unless('taken'));
    await client.run('read', (signal) => objects.facts(name, undefined, signal)).catch(unless('absent'));
    await this.page('blobs/', undefined, 1);
    await client.run('delete', (signal) => objects.delete(name, undefined, signal)).catch(unless('absent'));
  }
}

function freshId(): string {
  return randomBytes(12).toString('hex');
}
