/** Blobs in memory: the double for tests. It has the same contract as the disk, and ends with the process. */
import { Failure } from '../domain/errors.ts';
import { type BlobStat, type BlobStore, blockBytes, type StagedBlob } from './blob-store.ts';
import { blobName, checkByteRange, checkInternalId, checkShard } from './names.ts';

interface MemoryBlobsOptions {
  /** Milliseconds since the Unix epoch, for modify times. Default `Date.now`. */
  readonly now?: () => number;
}

/** Opens blobs in memory, which end with the process: the double for tests, under the same contract. */
export function openMemoryBlobs(options: MemoryBlobsOptions = {}): BlobStore {
  return new MemoryBlobs(options.now ?? Date.now);
}

interface Blob {
  readonly bytes: Uint8Array;
  readonly modifyTimeMs: number;
}

class MemoryBlobs implements BlobStore {
  private readonly now: () => number;
  private readonly blobs = new Map<string, Blob>();
  private readonly namespaces = new Set<string>();
  private readonly staged = new Map<string, StagedBytes>();

  constructor(now: () => number) {
    this.now = now;
  }

  async space(): Promise<undefined> {
    return undefined;
  }

  get stagedCount(): number {
    return this.staged.size;
  }

  get stagedBytes(): number {
    let bytes = 0;
    for (const { bytesWritten } of this.staged.values()) bytes += bytesWritten;
    return bytes;
  }

  async prepareNamespace(internalId: string): Promise<void> {
    checkInternalId(internalId);
    this.namespaces.add(internalId);
  }

  async stage(name: string): Promise<StagedBlob> {
    const { internalId } = blobName(name);
    if (this.staged.has(name)) throw nameTaken();
    const publish = (bytes: Uint8Array) => {
      if (!this.namespaces.has(internalId))
        throw new Failure('STORE_UNAVAILABLE', 'the namespace must be prepared first');
      if (this.blobs.has(name)) throw nameTaken();
      this.blobs.set(name, { bytes, modifyTimeMs: this.now() });
    };
    const staged = new StagedBytes(name, publish, () => this.staged.delete(name));
    this.staged.set(name, staged);
    return staged;
  }

  read(name: string, offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    blobName(name);
    checkByteRange(offset, length);
    return this.pieces(name, offset, offset + length, signal);
  }

  async stat(name: string): Promise<BlobStat | undefined> {
    blobName(name);
    const blob = this.blobs.get(name);
    return blob && { sizeBytes: blob.bytes.length, modifyTimeMs: blob.modifyTimeMs };
  }

  async delete(name: string): Promise<void> {
    blobName(name);
    this.blobs.delete(name);
  }

  async *list(internalId: string, shard?: string): AsyncGenerator<string> {
    checkInternalId(internalId);
    const prefix = shard === undefined ? `${internalId}/` : `${internalId}/${checkShard(shard)}/`;
    for (const name of this.blobs.keys()) if (name.startsWith(prefix)) yield name;
  }

  async removeStale(): Promise<number> {
    if (this.staged.size > 0) throw new Error('removeStale must not run while blobs are staged');
    return 0;
  }

  private async *pieces(
    name: string,
    offset: number,
    end: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const bytes = this.blobs.get(name)?.bytes;
    if (bytes === undefined) throw new Failure('DATA_LOSS', 'the stored bytes are missing');
    for (let at = offset; at < Math.min(end, bytes.length); at += blockBytes) {
      signal?.throwIfAborted();
      yield Uint8Array.from(bytes.subarray(at, Math.min(at + blockBytes, end)));
    }
  }
}

class StagedBytes implements StagedBlob {
  readonly name: string;
  private readonly publish: (bytes: Uint8Array) => void;
  private readonly onSettled: () => unknown;
  private chunks: Uint8Array[] = [];
  private state: 'open' | 'failed' | 'committed' | 'discarded' = 'open';
  private written = 0;

  constructor(name: string, publish: (bytes: Uint8Array) => void, onSettled: () => unknown) {
    this.name = name;
    this.publish = publish;
    this.onSettled = onSettled;
  }

  get bytesWritten(): number {
    return this.written;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.checkOpen('writing');
    this.chunks.push(Uint8Array.from(bytes));
    this.written += bytes.length;
  }

  async commit(): Promise<undefined> {
    this.checkOpen('committing');
    this.state = 'failed'; // unless it succeeds
    this.publish(Buffer.concat(this.chunks));
    this.settle('committed');
  }

  async discard(): Promise<void> {
    if (this.state === 'open' || this.state === 'failed') this.settle('discarded');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  private checkOpen(doing: string): void {
    if (this.state !== 'open') throw new Error(`${doing}: the blob is ${this.state}`);
  }

  private settle(state: 'committed' | 'discarded'): void {
    this.state = state;
    this.chunks = [];
    this.onSettled();
  }
}

function nameTaken(): Failure {
  return new Failure('INTERNAL', 'the physical name of an upload exists already');
}
