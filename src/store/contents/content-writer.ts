/**
 * Takes the bytes of one content as they arrive, hashes them, and keeps them in the right place: in memory while they
 * are small enough for the index, in a staged blob from then on.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { BlobStore, StagedBlob } from '../../blobs/blob-store.ts';
import { BlockCrcs } from '../../blobs/checksums.ts';
import { sha256FromBytes } from '../../domain/digest.ts';
import { limits } from '../../domain/limits.ts';
import type { Content } from '../rows/content.ts';
import type { OnContentStep } from '../rows/steps.ts';

interface ContentWriterOptions {
  readonly blobs: Pick<BlobStore, 'stage'>;
  /** Contents up to this size stay in memory and go into the index. */
  readonly inlineBytesMax: number;
  /** Called once, when the content outgrows the index. Returns the physical name to stage under. */
  readonly mintName: () => string;
  /** See {@link Content}. Default: absent. */
  readonly awaitedUntil?: number | undefined;
  readonly onStep: OnContentStep | undefined;
  /** Ends waiting for a blob store on another machine. Default: nothing ends it. */
  readonly signal?: AbortSignal | undefined;
}

/** Writes one content. Disposing the writer drops bytes that were staged and not published. */
export class ContentWriter implements AsyncDisposable {
  private readonly options: ContentWriterOptions;
  private readonly hash = createHash('sha256');
  private readonly crcs = new BlockCrcs();
  private head: Buffer = Buffer.alloc(0);
  /**
   * The bytes that have arrived while they may still go into the index. The buffer grows, so that many small pieces
   * cost no more.
   */
  private inMemory: Buffer = Buffer.alloc(0);
  private staged: StagedBlob | undefined;
  private content: Content | undefined;
  size = 0;

  constructor(options: ContentWriterOptions) {
    this.options = options;
  }

  /** Takes all of `bytes`; wait for the result before the next call. The buffer may be reused afterwards. */
  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.size += bytes.length;
    if (this.staged === undefined && this.size <= this.options.inlineBytesMax) {
      this.hash.update(bytes);
      this.keep(bytes);
      return;
    }
    if (this.staged === undefined) await this.beginStaging(bytes.length);
    this.keepHead(bytes);
    // The disk works while the processor hashes.
    const writing = this.staged!.write(bytes);
    this.hash.update(bytes);
    this.crcs.update(bytes);
    await writing;
    await this.options.onStep?.('written');
  }

  /** Takes a copy: the caller may reuse the buffer. Called after `size` has been raised. */
  private keep(bytes: Uint8Array): void {
    const before = this.size - bytes.length;
    if (this.size > this.inMemory.length) {
      const grown = Buffer.allocUnsafe(
        before === 0 ? this.size : Math.max(this.size, this.inMemory.length * 2),
      );
      this.inMemory.copy(grown, 0, 0, before);
      this.inMemory = grown;
    }
    this.inMemory.set(bytes, before);
  }

  /** Copies the bytes of which the preview of a file will be made. */
  private keepHead(bytes: Uint8Array): void {
    const missing = limits.previewBytesMax - this.head.length;
    if (missing > 0) this.head = Buffer.concat([this.head, bytes.subarray(0, missing)]);
  }

  /**
   * Begins to stage. The first write that outgrows the index has raised `size` by `arriving` bytes that are not in memory.
   */
  private async beginStaging(arriving: number): Promise<void> {
    this.staged = await this.options.blobs.stage(this.options.mintName(), this.options.signal);
    await this.options.onStep?.('staged');
    const before = this.inMemory.subarray(0, this.size - arriving);
    this.inMemory = Buffer.alloc(0);
    if (before.length === 0) return;
    this.keepHead(before);
    this.crcs.update(before);
    await this.staged.write(before);
  }

  /** Ends the content; no write may follow. A second call returns the same content. */
  finish(): Content {
    if (this.content !== undefined) return this.content;
    const sha256 = sha256FromBytes(this.hash.digest());
    const replaces = false;
    const { awaitedUntil } = this.options;
    this.content =
      this.staged === undefined
        ? { kind: 'inline', sha256, size: this.size, replaces, bytes: this.inMemory.subarray(0, this.size) }
        : {
            kind: 'blob',
            sha256,
            size: this.size,
            replaces,
            name: this.staged.name,
            crcs: this.crcs.finish(),
            head: this.head,
            publishTime: undefined,
            ...(awaitedUntil === undefined ? {} : { awaitedUntil }),
          };
    return this.content;
  }

  /** Called when the namespace was found to have the content, so that it need not be published. */
  async foundStored(): Promise<void> {
    await this.options.onStep?.('found');
  }

  /**
   * Makes staged bytes durable under their name. Does nothing for inline content, or the second time.
   *
   * @param now by the clock of the index, in milliseconds since the Unix epoch.
   */
  async publish(now: number): Promise<Content> {
    if (this.content?.kind === 'blob' && this.content.publishTime === undefined) {
      const version = await this.staged!.commit();
      const versioned = version === undefined ? {} : { version };
      this.content = { ...this.content, ...versioned, replaces: true, publishTime: now };
      await this.options.onStep?.('published');
    }
    return this.content!;
  }

  /** Drops bytes that were staged and not published. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.staged?.[Symbol.asyncDispose]();
  }
}
