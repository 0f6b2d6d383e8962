/**
 * Where the bytes are. This file is the port and its contract; `disk.ts` and `memory.ts` implement it and
 * `test/blobs/contract.ts` holds both to it. A blob store knows physical names and bytes, nothing of artifacts.
 *
 * Contract
 *
 * 1. A physical name (`<namespace internal id>/<2 hex>/<upload id>`) is written at most once and never reused.
 *    Committing to a name that exists fails and changes nothing.
 * 2. Nothing is readable under a name before `commit` has resolved. When it has, the bytes and the name survive
 *    power loss.
 * 3. `discard` removes every trace of a staged blob. It is idempotent, does nothing after `commit`, and is what
 *    disposal does. After a failed `write` or `commit` only `discard` is allowed.
 * 4. `delete` of an absent name succeeds. Reading an absent name fails with `DATA_LOSS`: only names that the index
 *    holds are ever read. Where it can be told that the whole place is absent, as a disk that is not mounted is, it
 *    fails with `STORE_UNAVAILABLE`: that says nothing of the bytes.
 * 5. `write` takes all bytes or fails; it must be awaited before the next call (that is the back-pressure). The
 *    buffer may be reused by the caller once it has resolved.
 */

/** The port; see the contract above. Sizes and offsets are in bytes. */
export interface BlobStore {
  /** Makes the directories of a namespace durable. Idempotent; needed once before the first `stage`. */
  prepareNamespace(internalId: string): Promise<void>;
  /** Begins writing a blob that `commit` will publish under `name`. */
  stage(name: string): Promise<StagedBlob>;
  /**
   * The bytes `[offset, offset + length)` in pieces of at most `readPieceBytes`. Ends early if the blob is shorter:
   * the caller compares. `signal` stops it between two pieces. Each piece is the consumer's to keep.
   */
  read(name: string, offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The size in bytes, or undefined if there is no such blob. */
  stat(name: string): Promise<{ readonly sizeBytes: number; readonly modifyTimeMs: number } | undefined>;
  delete(name: string): Promise<void>;
  /**
   * Every committed name of a namespace, or those of them with one shard (the two hexadecimal digits), in no
   * particular order.
   */
  list(internalId: string, shard?: string): AsyncIterable<string>;
  /** Of the file system that blobs are written to; undefined where there is no such notion. */
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;
  /** How many blobs are staged: neither committed nor discarded. */
  readonly stagedCount: number;
  /** What has been written of them; absent where that takes no space here. */
  readonly stagedBytes?: number | undefined;
  /** Removes what earlier processes left staged. Called once, before the first `stage`. Returns how many. */
  removeStale(): Promise<number>;
}

/** A blob that is being written: neither committed nor discarded yet. Disposing it discards it. */
export interface StagedBlob extends AsyncDisposable {
  readonly name: string;
  readonly bytesWritten: number;
  write(bytes: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Size of the pieces in which blobs are read, and of the blocks that carry a CRC each. */
export const blockBytes = 1024 * 1024;
