/**
 * The place of the bytes. This file is the port and its contract. `disk.ts`, `memory.ts` and `gcs/blobs.ts` implement it,
 * and `test/blobs/contract.ts` tests all of them against it. A blob store knows physical names and bytes; it knows nothing of
 * artifacts.
 *
 * Contract
 *
 * 1. A physical name (`<namespace internal id>/<2 hex>/<upload id>`) is written at most once and never reused.
 *    Committing to a name that exists fails and changes nothing.
 * 2. Nothing is readable under a name before `commit` has resolved. When it has resolved, the bytes and the name
 *    survive power loss.
 * 3. `discard` removes every trace of a staged blob. It is idempotent and does nothing after `commit`. Disposal is
 *    `discard`. After a failed `write` or `commit` only `discard` is allowed.
 * 4. `delete` of an absent name succeeds. Reading an absent name fails with `DATA_LOSS`: only names in the index are
 *    ever read. If the store can see that the whole place is absent, such as a disk that is not mounted, it fails with
 *    `STORE_UNAVAILABLE`: that says nothing about the bytes.
 * 5. `write` takes all bytes or fails. The caller must wait for it before the next call (that is the back-pressure).
 *    The caller may reuse the buffer after it has resolved.
 * 6. A store that versions its blobs returns a {@link BlobVersion} from `commit`. With the generation, `read` and `stat`
 *    see exactly that blob, and for others the name is absent; `delete` removes exactly that blob, and may be repeated
 *    at any time. A store without versions, such as a disk, returns undefined and ignores generations.
 * 7. `STORE_UNAVAILABLE` is the failure for everything that says nothing about the bytes: no answer in time, no
 *    permission, a place that belongs to another store.
 * 8. Only a store whose place has exactly the bytes that were written, and lets others read them, has `readUrl`. A store
 *    that changes bytes on their way, for example by encryption, has none.
 *
 * 9. What somebody sends to an `uploadUrl` becomes a blob as if it had been committed here, when all its bytes have come.
 *    The store vouches for its version, not for its bytes: they must be read back before they are used.
 *
 * What another object store needs: a create that fails if the name exists (on S3: `If-None-Match: *`), a strongly
 * consistent listing by prefix, and reads of ranges. It needs no generations: since a name is used once, they only
 * protect from writers outside. A store on S3 returns undefined from `commit`, deletes by name, and finds its own first
 * try behind a refused create by the same marks in the metadata.
 */
import { wholeBlockBytes } from '../domain/blocks.ts';

/** What distinguishes a blob from any other that has ever had its name. */
export interface BlobVersion {
  readonly generation: string;
  /** The CRC32C of all bytes as the backend has computed it: four bytes, most significant first, in base64. */
  readonly crc32c: string;
}

/** The headers with which a place shows a blob. */
export interface ShownAs {
  readonly contentType: string;
  readonly contentDisposition: string;
}

/** A URL that lets everyone who has it read one blob, without credentials. It must not be logged. */
export interface ReadUrl {
  readonly url: string;
  /** Milliseconds since the Unix epoch, by the clock of this machine. From then on no read may begin. */
  readonly expireTimeMs: number;
}

/** The facts of a committed blob. */
export interface BlobStat extends Partial<BlobVersion> {
  readonly sizeBytes: number;
  /** Milliseconds since the Unix epoch, by the clock of the store's place. */
  readonly modifyTimeMs: number;
}

/** What the requests of a store to another machine have cost since it was opened. Retries are requests, too. */
export interface BlobTraffic {
  /** By kind of request. */
  readonly requests: Readonly<Record<string, number>>;
  /** The seconds until the answers to these requests began, in all. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly retries: number;
  /** Requests that were refused or got no answer. */
  readonly failures: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The bytes that uploads have in memory, or have reserved. */
  readonly bufferedBytes: number;
  /** The uploads that wait for memory. */
  readonly waiting: number;
}

/** The port; see the contract above. Sizes and offsets are in bytes. */
export interface BlobStore {
  /** Makes the directories of a namespace durable. Idempotent; needed once before the first `stage`. */
  prepareNamespace(internalId: string): Promise<void>;
  /**
   * Begins writing a blob that `commit` will publish under `name`. `signal` may end a `write` or `commit` that waits for
   * another machine; the outcome of that commit is then unknown until `discard` has resolved.
   */
  stage(name: string, signal?: AbortSignal): Promise<StagedBlob>;
  /**
   * Yields the bytes `[offset, offset + length)` in pieces of at most {@link blockBytes}. Ends early if the blob is
   * shorter: the caller compares. `signal` stops it between two pieces. Each piece belongs to the consumer.
   */
  read(
    name: string,
    offset: number,
    length: number,
    signal?: AbortSignal,
    generation?: string,
  ): AsyncIterable<Uint8Array>;
  /** Returns undefined if no such blob exists. */
  stat(name: string, generation?: string): Promise<BlobStat | undefined>;
  delete(name: string, generation?: string): Promise<void>;
  /**
   * Returns a URL for reading exactly this blob, whole or in ranges, for at most 60 seconds. It is not known whether the
   * blob exists. Returns undefined if no URL can be made now: the caller then reads the blob itself. Absent where only
   * this process can read.
   *
   * @throws the reason of the signal.
   */
  readUrl?(
    name: string,
    generation: string,
    shown: ShownAs,
    signal?: AbortSignal,
  ): Promise<ReadUrl | undefined>;
  /**
   * Begins an upload by others. Returns a URL that lets everyone who has it send the bytes of exactly this blob, once, for
   * up to a week. It must not be logged. Absent where only this process can write.
   *
   * @throws Failure STORE_UNAVAILABLE.
   */
  uploadUrl?(name: string, sizeBytes: number, signal?: AbortSignal): Promise<string>;
  /**
   * Yields every committed name of a namespace, or only those with one shard (the two hexadecimal digits), in no
   * particular order.
   */
  list(internalId: string, shard?: string): AsyncIterable<string>;
  /** Returns the space of the file system to which blobs are written; undefined where space is unknown. */
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;
  /** The number of staged blobs: neither committed nor discarded. */
  readonly stagedCount: number;
  /** The bytes written of the staged blobs; absent where they take no space here. */
  readonly stagedBytes?: number | undefined;
  /** The requests to another machine; absent where the place of the bytes is this one. */
  readonly traffic?: BlobTraffic | undefined;
  /**
   * Removes the blobs that earlier processes left staged. Called once, before the first `stage`. Returns their number.
   */
  removeStale(): Promise<number>;
}

/** A blob that is being written: neither committed nor discarded yet. Disposing it discards it. */
export interface StagedBlob extends AsyncDisposable {
  readonly name: string;
  readonly bytesWritten: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Returns the version of the blob; undefined where blobs have none. */
  commit(): Promise<BlobVersion | undefined>;
  discard(): Promise<void>;
}

/** The size of the pieces in which blobs are read, and of the blocks that have a CRC each. */
export const blockBytes = wholeBlockBytes;
