/**
 * A blob on its way to the bucket. Up to 8 MiB it is sent in one request, at the commit. As soon as it is known to be
 * larger, it is sent in pieces; the next piece fills while the one before it is sent.
 */

import { Failure } from '../../domain/errors.ts';
import type { BlobVersion, StagedBlob } from '../blob-store.ts';
import { Crc32c } from '../crc32c.ts';
import { type ObjectFacts, takenFailure, whoseIs } from './answers.ts';
import type { BucketClient } from './client.ts';
import { Broken } from './exchange.ts';
import { type Mark, type Objects, refusedAs } from './objects.ts';
import { memoryBlockBytes, type Share, type UploadMemory } from './upload-memory.ts';

/** The size of a piece, and the largest size of a blob that is sent in one request. */
const pieceBytes = 8 * 1024 * 1024;

interface StagedObjectOptions {
  readonly name: string;
  /** The name of the object below the prefix. */
  readonly objectName: string;
  readonly mark: Mark;
  readonly objects: Objects;
  readonly client: BucketClient;
  readonly memory: UploadMemory;
  /** Ends all requests. */
  readonly signal: AbortSignal | undefined;
  /** @throws Failure if the blob may not be committed. */
  readonly checkCommit: () => void;
  /**
   * Leaves an object that this upload has written whole, although its commit has failed, as when the answer was lost: another
   * process may have found it meanwhile, and rely on it. Default: it is deleted.
   */
  readonly leavesWhole?: boolean;
  /** Called once, when the blob is committed or discarded. */
  readonly onSettled: () => void;
}

type State = 'open' | 'failed' | 'committed' | 'discarded';

/** A blob that is being written. Its bytes wait in the memory that all uploads share. */
export class StagedObject implements StagedBlob {
  private readonly options: StagedObjectOptions;
  private readonly ending = new AbortController();
  private readonly signal: AbortSignal;
  private readonly crc = new Crc32c();
  private state: State = 'open';
  private written = 0;
  /** Undefined until the first byte. */
  private share: Share | undefined;
  /** The blocks that are being filled, and the bytes in them. */
  private blocks: Uint8Array[] = [];
  private filled = 0;
  private session: URL | undefined;
  /** The bytes of earlier pieces. */
  private sentBytes = 0;
  /** The piece that is being sent. */
  private sending: Promise<void> | undefined;
  /** True: an object may exist under the name, and no commit has said so. */
  private mayExist = false;
  /** The `write` or `commit` in progress. It never rejects. */
  private running: Promise<unknown> | undefined;
  private discarding: Promise<void> | undefined;

  constructor(options: StagedObjectOptions) {
    this.options = options;
    const { signal } = options;
    this.signal = signal === undefined ? this.ending.signal : AbortSignal.any([signal, this.ending.signal]);
  }

  get name(): string {
    return this.options.name;
  }

  get bytesWritten(): number {
    return this.written;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.go('writing', async () => {
      await this.take(bytes);
      this.written += bytes.length;
    });
  }

  commit(): Promise<BlobVersion> {
    return this.go('committing', async () => {
      this.options.checkCommit();
      await this.sending;
      this.mayExist = true;
      const facts = this.session === undefined ? await this.createWhole() : await this.sendLast();
      await this.requireSame(facts);
      this.release();
      this.settle('committed');
      return { generation: facts.generation, crc32c: facts.crc32c };
    });
  }

  discard(): Promise<void> {
    this.discarding ??= this.removeTraces().catch((error: unknown) => {
      this.discarding = undefined; // it may be tried again
      throw this.options.client.unexpected(error, 'discarding');
    });
    return this.discarding;
  }

  /** Discards. Throws nothing, since that would hide the error that ended the scope: what is left is an orphan. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard().catch(() => {});
  }

  /** Runs one call at a time, and none after a failure. */
  private go<T>(doing: string, operation: () => Promise<T>): Promise<T> {
    if (this.state !== 'open' || this.discarding !== undefined)
      return Promise.reject(new Error(`${doing}: the blob is ${this.state} or being discarded`));
    if (this.running !== undefined)
      return Promise.reject(new Error(`${doing}: the call before was not awaited`));
    const result = operation()
      .catch((error: unknown) => {
        this.state = 'failed';
        if (this.options.signal?.aborted === true)
          throw new Failure('CANCELLED', 'the call was cancelled', { cause: error });
        throw this.options.client.unexpected(error, doing);
      })
      .finally(() => {
        this.running = undefined;
      });
    this.running = result.catch(() => {});
    return result;
  }

  private async take(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.share ??= await this.options.memory.begin(this.signal);
    for (let at = 0; at < bytes.length; ) {
      const room = this.blocks.length * memoryBlockBytes - this.filled;
      if (room === 0) {
        const block = await this.nextBlock(this.share);
        this.blocks.push(block);
        continue;
      }
      const part = bytes.subarray(at, at + room);
      this.blocks.at(-1)!.set(part, memoryBlockBytes - room);
      this.crc.update(part);
      this.filled += part.length;
      at += part.length;
    }
  }

  /** Returns memory for the next bytes. Since more bytes have come, those in full blocks are not the last. */
  private async nextBlock(share: Share): Promise<Uint8Array> {
    const more = this.filled < pieceBytes ? share.take() : undefined;
    if (more !== undefined) return more;
    if (this.filled > 0) await this.beginPiece(share);
    const next = share.take();
    if (next !== undefined) return next;
    await this.sending;
    const own = share.take();
    if (own === undefined) throw new Error('an upload has lost its own memory');
    return own;
  }

  private async beginPiece(share: Share): Promise<void> {
    await this.sending;
    const { blocks } = this;
    const offset = this.sentBytes;
    this.sentBytes += this.filled;
    this.blocks = [];
    this.filled = 0;
    this.sending = this.sendPiece(blocks, offset, undefined)
      .then(() => undefined)
      .catch((error: unknown) => {
        // Of the upload, not of the bucket.
        throw this.session !== undefined && refusedAs(error, 'absent') ? lostUpload(error) : error;
      })
      .finally(() => share.give(blocks));
    this.sending.catch(() => {}); // reported by the next call
  }

  private async createWhole(): Promise<ObjectFacts> {
    const { client, objects, objectName, mark } = this.options;
    const content = { parts: this.parts(), mark, crc32c: this.crc.text() };
    try {
      return await client.run('create', (signal) => objects.create(objectName, content, signal), this.signal);
    } catch (error) {
      if (!refusedAs(error, 'taken')) throw error;
      return await this.own(error);
    }
  }

  private async sendLast(): Promise<ObjectFacts> {
    try {
      const facts = await this.sendPiece(this.parts(), this.sentBytes, this.sentBytes + this.filled);
      if (typeof facts === 'number') throw new Broken('the bucket has not completed the upload');
      return facts;
    } catch (error) {
      // The upload was completed by a try whose answer was lost, and then forgotten.
      if (!refusedAs(error, 'taken', 'absent')) throw error;
      return await this.own(error);
    }
  }

  /** Sends a piece, and after a failure what the bucket lacks of it. */
  private async sendPiece(
    parts: readonly Uint8Array[],
    offset: number,
    total: number | undefined,
  ): Promise<number | ObjectFacts> {
    const { client, objects, objectName, mark } = this.options;
    this.session ??= await client.run(
      'create',
      (signal) => objects.begin(objectName, mark, signal),
      this.signal,
    );
    const { session } = this;
    const end = offset + parts.reduce((sum, part) => sum + part.length, 0);
    const attempt = async (signal: AbortSignal, triesBefore: number) => {
      let has: number | ObjectFacts =
        triesBefore > 0 ? await objects.progress(session, total, signal) : offset;
      while (typeof has === 'number' && has < end) {
        if (has < offset)
          throw new Failure('STORE_UNAVAILABLE', 'the bucket has lost a part of the upload; upload again');
        const before: number = has;
        has = await objects.put(session, { offset: has, parts: from(parts, has - offset), total }, signal);
        if (has === before) throw new Broken('the bucket took no byte');
      }
      return has;
    };
    return await client.run('create', attempt, this.signal);
  }

  /** Returns the object under the name, if it is this upload. */
  private async own(cause: unknown): Promise<ObjectFacts> {
    const { client, objects, objectName, mark, name } = this.options;
    const found = await client
      .run('read', (signal) => objects.facts(objectName, undefined, signal), this.signal)
      .catch((error: unknown) => {
        throw refusedAs(error, 'absent') ? lostUpload(cause) : error;
      });
    const whose = whoseIs(found, { ...mark, sizeBytes: this.written, crc32c: this.crc.text() });
    if (whose === 'ours') return found;
    if (whose !== 'altered') this.mayExist = false;
    throw takenFailure(whose, name);
  }

  /** The bucket has computed its checksum of what it has. */
  private async requireSame(facts: ObjectFacts): Promise<void> {
    if (facts.sizeBytes === this.written && facts.crc32c === this.crc.text()) return;
    throw takenFailure('altered', this.options.name);
  }

  private parts(): Uint8Array[] {
    return this.blocks.map((block, at) => block.subarray(0, this.filled - at * memoryBlockBytes));
  }

  private async removeTraces(): Promise<void> {
    if (this.state !== 'committed') {
      // A commit in progress is waited for; the bytes of a write need not arrive any more.
      if (this.state === 'failed') this.ending.abort(new Error('the upload was discarded'));
      await this.running;
    }
    if (this.isSettled()) return;
    this.ending.abort(new Error('the upload was discarded'));
    await this.sending?.catch(() => {});
    this.release();
    const { client, objects, objectName, mark } = this.options;
    const { session } = this;
    // A session that cannot be ended ends by itself after a week.
    if (session !== undefined)
      await client.run('create', (signal) => objects.cancel(session, signal)).catch(() => {});
    if (this.mayExist) {
      const found = await client
        .run('read', (signal) => objects.facts(objectName, undefined, signal))
        .catch((error: unknown) => {
          if (!refusedAs(error, 'absent')) throw error;
        });
      const whole = { ...mark, sizeBytes: this.written, crc32c: this.crc.text() };
      const isLeft = this.options.leavesWhole === true && found && whoseIs(found, whole) === 'ours';
      if (!isLeft && found?.writer === mark.writer && found.upload === mark.upload)
        await client
          .run('delete', (signal) => objects.delete(objectName, found.generation, signal))
          .catch((error: unknown) => {
            if (!refusedAs(error, 'absent')) throw error;
          });
    }
    this.settle('discarded');
  }

  private isSettled(): boolean {
    return this.state === 'committed' || this.state === 'discarded';
  }

  private release(): void {
    const { blocks, share } = this;
    this.blocks = [];
    share?.give(blocks);
    share?.end();
    this.share = undefined;
  }

  private settle(state: 'committed' | 'discarded'): void {
    this.state = state;
    this.options.onSettled();
  }
}

function lostUpload(cause: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', 'the bucket has lost the upload; upload again', { cause });
}

/** Returns the parts without their first bytes. */
function from(parts: readonly Uint8Array[], skipped: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let left = skipped;
  for (const part of parts) {
    if (left < part.length) rest.push(part.subarray(left));
    left = Math.max(0, left - part.length);
  }
  return rest;
}
