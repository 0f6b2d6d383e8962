import { Buffer } from 'node:buffer';
import { limits } from '../domain/limits.ts';
import { Budget } from '../domain/load/budget.ts';
import { turn } from '../domain/timer.ts';

/** Returns the bytes `[offset, offset + length)` of a content, in pieces of any size. */
export type Opener = (offset: number, length: number) => AsyncIterable<Uint8Array>;

/** The limits of a {@link Source} for one call. */
export interface SourceOptions {
  /** The size of the units in which the content is read. Default 1 MiB; each such block has its checksum. */
  readonly blockBytes?: number;
  /** Default {@link limits.readingBytesMax}. */
  readonly bytesMax?: number;
  /** Default {@link limits.readingMillisecondsMax}. */
  readonly millisecondsMax?: number;
  /** Returns milliseconds from any origin. Default: those of this process. */
  readonly elapsed?: () => number;
}

/** The number of blocks that are kept: an answer spans two, and a search may be ahead of it. */
const blocksKept = 3;

/**
 * Content for one call: random access by blocks. A few blocks are kept, so that memory does not grow with the content.
 * Blocks that are requested in order come from one stream. It must be closed.
 */
export class Source implements AsyncDisposable {
  readonly size: number;
  readonly bytesMax: number;
  private readonly open: Opener;
  private readonly blockBytes: number;
  private readonly budget: Budget;
  private readonly kept = new Map<number, Buffer>();
  private stream: AsyncIterator<Uint8Array> | undefined;
  /** The bytes that the stream yielded beyond the requested block. */
  private rest: Uint8Array = new Uint8Array(0);
  /** The block that the stream yields next. */
  private upcoming = 0;
  /**
   * The last fetch. The stream yields one block at a time, and a parser may still request one that no reader waits for.
   */
  private last: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(open: Opener, size: number, options: SourceOptions = {}) {
    const { elapsed = () => performance.now(), millisecondsMax = limits.readingMillisecondsMax } = options;
    const endMs = elapsed() + millisecondsMax;
    this.open = open;
    this.size = size;
    this.blockBytes = options.blockBytes ?? 1024 * 1024;
    this.bytesMax = options.bytesMax ?? limits.readingBytesMax;
    this.budget = new Budget({ limit: this.bytesMax, isStopped: () => elapsed() >= endMs });
  }

  /** True once the call has read as much as it may, or for as long as it may: it answers with what it has. */
  get isSpent(): boolean {
    return this.budget.isSpent;
  }

  /** Returns the bytes from an offset to the end of its block; empty at the end of the content. */
  async from(offset: number): Promise<Buffer> {
    if (offset >= this.size) return Buffer.alloc(0);
    const block = Math.floor(offset / this.blockBytes);
    const bytes = this.kept.get(block) ?? (await this.fetchNext(block));
    return bytes.subarray(offset - block * this.blockBytes);
  }

  /** Returns the bytes `[start, end)`, up to the end of the content. */
  async range(start: number, end: number): Promise<Buffer> {
    const last = Math.min(end, this.size);
    const parts: Buffer[] = [];
    for (let at = start; at < last; ) {
      const part = (await this.from(at)).subarray(0, last - at);
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await this.last;
    await this.endStream();
  }

  private async endStream(): Promise<void> {
    await this.stream?.return?.();
    this.stream = undefined;
  }

  private fetchNext(block: number): Promise<Buffer> {
    const fetched = this.last.then(() => this.kept.get(block) ?? this.fetch(block));
    this.last = fetched.catch(() => {});
    return fetched;
  }

  private async fetch(block: number): Promise<Buffer> {
    // If the content is in memory, no other call would get a turn.
    await turn();
    if (this.isClosed) throw new RangeError('the content is closed');
    const start = block * this.blockBytes;
    if (this.stream === undefined || block !== this.upcoming) {
      await this.endStream();
      this.stream = this.open(start, this.size - start)[Symbol.asyncIterator]();
      this.rest = new Uint8Array(0);
    }
    const bytes = await this.gather(this.stream, Math.min(this.blockBytes, this.size - start)).catch(
      async (error: unknown) => {
        // A second request then gets the same error, and not that a stream has ended.
        await this.endStream();
        throw error;
      },
    );
    this.upcoming = block + 1;
    this.budget.spend('bytes', bytes.length);
    this.kept.set(block, bytes);
    const [oldest] = this.kept.keys();
    if (this.kept.size > blocksKept) this.kept.delete(oldest!);
    return bytes;
  }

  private async gather(stream: AsyncIterator<Uint8Array>, length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.rest.length === 0) {
        const next = await stream.next();
        if (next.done) throw new RangeError(`a content of ${this.size} bytes ended early`);
        this.rest = next.value;
      }
      const part = this.rest.subarray(0, missing);
      this.rest = this.rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    if (parts.length !== 1) return Buffer.concat(parts);
    const [{ buffer, byteOffset, byteLength }] = parts as [Uint8Array];
    return Buffer.from(buffer, byteOffset, byteLength);
  }
}
